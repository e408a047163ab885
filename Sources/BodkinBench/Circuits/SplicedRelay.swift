import Glibc
import NIOCore
import NIOPosix

/// A plain splice of two TCP connections by socat, with buffers of 64 KiB: the least that any relay has to do in user space.
struct SplicedRelay: PlainRelay {
    let name = "socat, plain TCP"
    private static let port = 4434

    private let program: ChildProgram
    private let group: any EventLoopGroup
    private let sink: TCPSink
    let near: TransferHandler.End
    let far: TransferHandler.End

    var process: pid_t { program.process }

    init() async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        sink = try await TCPSink(on: group)
        program = try ChildProgram(["socat", "-b", "65536", "TCP-LISTEN:\(Self.port),bind=127.0.0.1,reuseaddr", "TCP:127.0.0.1:\(sink.port)"])
        near = try await TransferHandler.End(TCPSink.connect(to: Self.port, on: group))
        far = try await sink.end()
    }

    func end() async throws {
        try? await near.channel.close()
        try await sink.close()
        try await group.shutdownGracefully()
    }
}
