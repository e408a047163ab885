import BodkinCore
import BodkinProtocols
import Glibc
import NIOCore
import NIOPosix

/// coturn's relay of TCP connections (RFC 6062): one connection of the client for its requests, one for the bytes, and the one that coturn makes to the far
/// end. Nothing is encrypted on it.
struct TURNRelay: PlainRelay {
    static let name = "coturn, plain TCP"
    private static let port = 4436

    private let program: ChildProgram
    private let group: any EventLoopGroup
    private let sink: TCPSink
    private let control: any Channel
    let near: TransferHandler.End
    let far: TransferHandler.End

    var process: pid_t { program.process }

    init() async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        sink = try await TCPSink(on: group)
        // One thread: a connection that another one accepts finds no connection of the relay's to bind to.
        program = try ChildProgram([
            "turnserver", "-n", "-m", "1", "--no-auth", "--no-cli", "--allow-loopback-peers", "--no-udp", "--no-tls", "--no-dtls", "--listening-ip",
            "127.0.0.1", "--relay-ip", "127.0.0.1", "--listening-port", "\(Self.port)", "--log-file", "/dev/null", "--pidfile", "/dev/null",
        ])
        let peer = Endpoint(IPAddress(v4: 0x7F00_0001), UInt16(sink.port))
        control = try await TCPSink.connect(to: Self.port, on: group)
        let requests = try await TURNTransactions(control)
        _ = try await requests.request(.allocate, [TURNAttribute.RequestedTransport.tcp])
        _ = try await requests.request(.createPermission, [TURNAttribute.XORPeerAddress(peer)])
        let connected = try await requests.request(.connect, [TURNAttribute.XORPeerAddress(peer)])
        guard let connection = try connected.attribute(TURNAttribute.ConnectionID.self) else {
            throw BenchmarkFailure("coturn's answer to Connect holds no CONNECTION-ID")
        }
        let data = try await TCPSink.connect(to: Self.port, on: group)
        let binding = try await TURNTransactions(data)
        _ = try await binding.request(.connectionBind, [connection])
        // From here on the connection carries the bytes and nothing else (RFC 6062 section 4.3).
        try await binding.remove()
        near = try await TransferHandler.End(data)
        far = try await sink.end()
    }

    func end() async throws {
        try? await near.channel.close()
        try? await control.close()
        try await sink.close()
        try await group.shutdownGracefully()
    }
}
