package import NIOCore
import NIOHTTP1
import NIOPosix

/// `GET /metrics` over HTTP, for Prometheus. For an operator's own network: it says nothing about who connects to whom, and asks nobody
/// who they are.
package enum MetricsEndpoint {
    /// Serves until the channel is closed.
    /// - Parameters:
    ///   - refresh: brings up to date what is not counted as it happens.
    /// - Throws: what the system says where it cannot listen there.
    package static func open(
        _ registry: PrometheusRegistry, at address: SocketAddress, on group: any EventLoopGroup, refresh: @escaping @Sendable () -> Void = {}
    ) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(PageGate()) }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(
                        PageResponder("/metrics", type: "text/plain; version=0.0.4; charset=utf-8") {
                            refresh()
                            return registry.text
                        })
                }
            }
            .bind(to: address).get()
    }
}
