public import Bodkin
public import ServiceLifecycle

/// A peer that runs as a service beside others (swift-service-lifecycle): until its body returns, or until a graceful shutdown ends the body and then the peer.
///
/// ```swift
/// let peer = PeerService(configuration) { peer in
///     for try await connection in peer.incoming { serve(connection) }
/// }
/// try await ServiceGroup(services: [peer, server], gracefulShutdownSignals: [.sigterm], logger: logger).run()
/// ```
public struct PeerService: Service {
    private let configuration: Peer.Configuration
    private let body: @Sendable (Peer) async throws -> Void

    /// A service from a peer's configuration and what to do with the peer.
    public init(_ configuration: Peer.Configuration, _ body: @escaping @Sendable (Peer) async throws -> Void) {
        self.configuration = configuration
        self.body = body
    }

    /// Runs the peer. A graceful shutdown cancels the body's task, and the peer's connections end in good order.
    /// - Throws: what `withPeer` throws, and what the body throws unless a shutdown has cancelled it.
    public func run() async throws {
        try await withPeer(configuration) { peer in
            try await cancelWhenGracefulShutdown {
                do {
                    try await body(peer)
                } catch is CancellationError where Task.isShuttingDownGracefully {
                    return
                }
            }
        }
    }
}
