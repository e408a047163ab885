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

    /// The same server once more, as soon as its ports are free. A process that was forked just now may hold the sockets of the former one until its exec.
    static func again(_ configuration: RendezvousServer.Configuration) async throws -> ServerTask {
        for _ in 0..<100 {
            let server = ServerTask(configuration)
            if (try? await server.listening()) != nil { return server }
            await server.stop()
            try await Task.sleep(for: .milliseconds(50))
        }
        return ServerTask(configuration)
    }

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

    /// A server on loopback that comes back on the same ports. The system gives those to nobody meanwhile: they are below the range of ports that it chooses from.
    static func returning(_ host: String = "127.0.0.1") throws -> RendezvousServer.Configuration {
        var configuration = try loopback(host)
        configuration.port = .random(in: 20_000..<32_000)
        configuration.stunPort = configuration.port + 1
        return configuration
    }
}
