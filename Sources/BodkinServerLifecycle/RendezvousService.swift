public import BodkinServer
public import ServiceLifecycle

/// A rendezvous server that runs as a service beside others (swift-service-lifecycle), until a graceful shutdown ends it.
///
/// ```swift
/// let rendezvous = RendezvousServer(RendezvousServer.Configuration(
///     hosts: ["203.0.113.1"], credentials: .identity(identity), admission: .tokens(.random())))
/// let services: [any Service] = [RendezvousService(rendezvous), server]
/// try await ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm], logger: logger).run()
/// ```
public struct RendezvousService: Service {
    private let server: RendezvousServer

    /// A service that runs a server.
    public init(_ server: RendezvousServer) { self.server = server }

    /// Runs the server. A graceful shutdown sends every peer a Failure, and the server returns within `Limits.shutdownGrace`.
    /// - Throws: `ServerError`.
    public func run() async throws {
        try await cancelWhenGracefulShutdown { try await server.run() }
    }
}
