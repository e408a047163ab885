import NIOCore
import NIOPosix

/// A TCP server on loopback that takes one connection and has a ``TransferHandler`` read from it: the far end of relays that know only TCP.
struct TCPSink: Sendable {
    private let listener: any Channel
    private let accepted: EventLoopFuture<any Channel>

    /// Listens on a free port.
    init(on group: any EventLoopGroup) async throws {
        let promise = group.next().makePromise(of: (any Channel).self)
        accepted = promise.futureResult
        listener = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                promise.succeed(channel)
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    /// Where it listens.
    var port: Int { listener.localAddress?.port ?? 0 }

    /// The connection that was accepted, once there is one.
    func end() async throws -> TransferHandler.End { try await TransferHandler.End(accepted.get()) }

    func close() async throws {
        let channel = try await accepted.get()
        try? await channel.close()
        try await listener.close()
    }

    /// Connects to a server of another process, which may not listen yet.
    static func connect(to port: Int, on group: any EventLoopGroup) async throws -> any Channel {
        for _ in 0..<500 {
            if let channel = try? await ClientBootstrap(group: group).connect(host: "127.0.0.1", port: port).get() { return channel }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw BenchmarkFailure("nothing listens on port \(port)")
    }
}
