import BodkinCore
import BodkinMetrics
import BodkinProtocols
import NIOCore
import NIOPosix
import Testing

@testable import BodkinServer

@Suite("Those who have proved nothing", .timeLimit(.minutes(1)))
struct PlaceServiceTests {
    /// A listener of a server.
    enum Listener: String, CaseIterable, Sendable { case rendezvous, stun, health }

    private func endpoint(_ listener: Listener, _ listening: RendezvousServer.Listening) throws -> Endpoint {
        switch listener {
        case .rendezvous: try #require(listening.rendezvous.first)
        case .stun: try #require(listening.stun.first)
        case .health: try #require(listening.health)
        }
    }

    @Test("hold few places of each listener: the oldest is closed, and a peer registers, proves itself and is met", arguments: Listener.allCases)
    func squatters(_ listener: Listener) async throws {
        try await withServer({
            $0.healthEndpoint = Endpoint("127.0.0.1:0")
            $0.limits.unauthenticatedConnections = 8
            $0.limits.unauthenticatedSTUNConnections = 8
        }) { listening in
            let resident = try await TestPeer.registered(listening)
            let limit = listener == .health ? PageConnections.limit : 8
            var squatters: [TestStream] = []
            for _ in 0..<limit + 20 {
                let stream = try await TestStream(endpoint(listener, listening))
                if listener == .stun { stream.send(STUNMessage.bindingRequest().bytes) }
                squatters.append(stream)
            }
            // The twenty oldest are closed, long before their time.
            for stream in squatters.prefix(20) { _ = await stream.rest() }
            let dialer = try await TestPeer.registered(listening)
            let warm = try await TestStream(#require(listening.stun.last))
            #expect(try await warm.prove(dialer).class == .success)
            dialer.send(dialer.dial(resident.id))
            #expect(try await resident.meet().observed.count == 1)
            let health = try await TestStream(#require(listening.health))
            health.send("GET /health HTTP/1.1\r\nhost: x\r\n\r\n".utf8)
            #expect(String(decoding: await health.rest(), as: UTF8.self).contains("\"registered\": 2"))
            for stream in squatters { stream.close() }
        }
    }

    @Test("handshakes beyond the rate wait for their turn, and the other source's comes next")
    func handshakes() async throws {
        try await withServer({ $0.limits.handshakesPerSecond = 4 }) { listening in
            let start = ContinuousClock.now
            for _ in 0..<8 { _ = try await TestPeer.registered(listening) }
            #expect(ContinuousClock.now - start > .milliseconds(900))
        }
    }

    @Test("ten thousand accepted in one turn are counted in that turn, and so are those whose socket is still to be closed")
    func burst() throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        var limits = RendezvousServer.Limits()
        limits.unauthenticatedConnections = 8
        let places = Places(limits, descriptors: 1_024, loop: loop)
        let channels = (0..<10_000).map { _ in IdleChannel() }
        var most = 0
        for channel in channels where !places.isCrowded {
            _ = places.accept(channel.channel, .rendezvous)
            most = max(most, places.count(.rendezvous, isAuthenticated: false))
        }
        #expect(most == 8 && places.isCrowded)
        for channel in channels { channel.finish() }
        #expect(!places.isCrowded && places.count(.rendezvous, isAuthenticated: false) == 0)
    }
}
