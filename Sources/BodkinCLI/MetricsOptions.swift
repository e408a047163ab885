import ArgumentParser
import BodkinCore
import BodkinMetrics
import BodkinTransport
import CoreMetrics
import NIOCore
import NIOPosix

/// Where a command tells its figures.
struct MetricsOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Answers GET /metrics here, for Prometheus, such as 127.0.0.1:9100.", valueName: "endpoint"))
    var metrics: String?

    /// Runs `body` while the figures can be had.
    func serve(help: [String: String], refresh: @escaping @Sendable () -> Void = {}, _ body: () async throws -> Void) async throws {
        guard let metrics else { return try await body() }
        guard let endpoint = Endpoint(metrics) else {
            throw CommandFailure(CommandFailure.Status.usage, "'\(metrics)' is no endpoint: write 127.0.0.1:9100")
        }
        let registry = PrometheusRegistry(help: help)
        MetricsSystem.bootstrap(registry)
        let channel: any Channel
        do {
            channel = try await MetricsEndpoint.open(
                registry, at: try SocketAddress(endpoint), on: MultiThreadedEventLoopGroup.singleton, refresh: refresh)
        } catch {
            throw CommandFailure(CommandFailure.Status.cannotCreate, "--metrics cannot listen on \(endpoint) (\(error)): choose another port")
        }
        defer { channel.close(promise: nil) }
        try await body()
    }
}
