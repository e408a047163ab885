import Glibc
import NIOCore
import NIOPosix

/// A plain splice of two TCP connections by socat, with buffers of 64 KiB: the least that any relay has to do in user space.
struct SplicedRelay: Relay {
    static let name = "socat, plain TCP"
    private static let port = 4434

    private let program: ChildProgram
    private let group: any EventLoopGroup
    private let sink: TCPSink
    private let near: TransferHandler.End
    private let far: TransferHandler.End

    var process: pid_t { program.process }

    init() async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        sink = try await TCPSink(on: group)
        program = try ChildProgram(["socat", "-b", "65536", "TCP-LISTEN:\(Self.port),bind=127.0.0.1,reuseaddr", "TCP:127.0.0.1:\(sink.port)"])
        near = try await TransferHandler.End(TCPSink.connect(to: Self.port, on: group))
        far = try await sink.end()
    }

    func transfer(_ byteCount: Int) async throws {
        let near = near
        async let written: Void = near.transfer(writing: byteCount, reading: 0)
        try await far.transfer(writing: 0, reading: byteCount)
        try await written
    }

    func end() async throws {
        try? await near.channel.close()
        try await sink.close()
        try await group.shutdownGracefully()
    }
}
