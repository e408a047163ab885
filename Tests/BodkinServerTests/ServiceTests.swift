import Bodkin
import BodkinCore
import BodkinIdentity
import BodkinLifecycle
import BodkinServer
import BodkinServerLifecycle
import Logging
import ServiceLifecycle
import Testing

@Suite("Services of swift-service-lifecycle", .timeLimit(.minutes(1)))
struct ServiceTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// A server on loopback, on ports that the system chooses.
    private static func server() throws -> RendezvousServer {
        var configuration = try RendezvousServer.Configuration(
            hosts: ["127.0.0.1"], credentials: .identity(.create()), admission: .tokens(.random()))
        configuration.bindAddresses = [IPAddress(v4: 0x7F00_0001)]
        (configuration.port, configuration.stunPort) = (0, 0)
        return RendezvousServer(configuration, logger: logger)
    }

    @Test("a graceful shutdown closes a peer's connections, and ends the peer and then the server without an error")
    func shutdown() async throws {
        let server = try Self.server()
        let group = ServiceGroup(services: [RendezvousService(server)], logger: Self.logger)
        let running = Task { try await group.run() }
        let url = try await server.listening().url
        let identity = try Identity.create()
        let configuration = Peer.Configuration(identity: identity, rendezvous: url, admission: .anyone)
        await group.addServiceUnlessShutdown(
            PeerService(configuration) { peer in
                for try await connection in peer.incoming { try await connection.write(connection.read() ?? []) }
            })
        let local = try Peer.Configuration(identity: .create(), rendezvous: url)
        try await withPeer(local) { peer in
            let connection = try await peer.connect(to: identity.peerID)
            try await connection.write("hello".utf8)
            #expect(try await connection.read().map { String(decoding: $0, as: UTF8.self) } == "hello")
            await group.triggerGracefulShutdown()
            #expect(try await connection.read() == nil)
            try await running.value
        }
        #expect(server.statistics.registered == 0)
    }

    @Test("a peer's service throws the error of its body, and a server's service that of the server")
    func failure() async throws {
        struct Failure: Error {}
        try await withServer { listening in
            let configuration = try Peer.Configuration(identity: .create(), rendezvous: listening.url)
            await #expect(throws: Failure.self) { try await PeerService(configuration) { _ in throw Failure() }.run() }
            var taken = try RendezvousServer.Configuration(hosts: ["127.0.0.1"], credentials: .identity(.create()), admission: .open)
            taken.bindAddresses = [IPAddress(v4: 0x7F00_0001)]
            taken.port = try #require(listening.rendezvous.first).port
            let error = await #expect(throws: ServerError.self) { try await RendezvousService(RendezvousServer(taken)).run() }
            #expect(error?.code == .bind)
        }
    }
}
