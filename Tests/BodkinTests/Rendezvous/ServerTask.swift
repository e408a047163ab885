import BodkinCore
import BodkinIdentity
import BodkinServer

/// A server that runs until it is stopped.
final class ServerTask: Sendable {
    private let server: RendezvousServer
    private let task: Task<Void, Never>

    init(_ configuration: RendezvousServer.Configuration) {
        let server = RendezvousServer(configuration)
        self.server = server
        task = Task { try? await server.run() }
    }

    func listening() async throws -> RendezvousServer.Listening { try await server.listening() }

    func stop() async {
        task.cancel()
        await task.value
    }
}

extension RendezvousServer.Configuration {
    /// A server on loopback, on ports that the system chooses.
    static func loopback(_ host: String = "127.0.0.1") throws -> RendezvousServer.Configuration {
        var configuration = try RendezvousServer.Configuration(hosts: [host], credentials: .identity(.create()), admission: .tokens(.random()))
        configuration.bindAddresses = [IPAddress(v4: 0x7F00_0001)]
        (configuration.port, configuration.stunPort) = (0, 0)
        return configuration
    }
}
