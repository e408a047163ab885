import ArgumentParser
import BodkinCore
import BodkinMetrics
import BodkinTransport
import CoreMetrics
import NIOCore
import NIOPosix

/// The endpoint of a command's metrics.
struct MetricsOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Serve GET /metrics for Prometheus here, such as 127.0.0.1:9100.", valueName: "endpoint"))
    var metrics: String?

    /// Runs `body` while the endpoint serves the metrics.
    func serve(help: [String: String], refresh: @escaping @Sendable () -> Void = {}, _ body: () async throws -> Void) async throws {
        guard let metrics else { return try await body() }
        guard let endpoint = Endpoint(metrics) else {
            throw CommandFailure(
                CommandFailure.Status.usage, "'\(metrics)' is not an endpoint. Give --metrics an address and a port, such as 127.0.0.1:9100.")
        }
        let registry = PrometheusRegistry(help: help)
        MetricsSystem.bootstrap(registry)
        let channel: any Channel
        do {
            channel = try await MetricsEndpoint.open(
                registry, at: try SocketAddress(endpoint), on: MultiThreadedEventLoopGroup.singleton, refresh: refresh)
        } catch {
            throw CommandFailure(
                CommandFailure.Status.cannotCreate,
                "The metrics endpoint cannot listen on \(endpoint) (\(error)). Choose another port with --metrics.")
        }
        defer { channel.close(promise: nil) }
        try await body()
    }
}
