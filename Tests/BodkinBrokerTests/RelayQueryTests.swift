import BodkinBroker
import BodkinProtocols
import NIOCore
import Testing

@Suite("The broker's answers to relay queries")
struct RelayQueryTests {
    private static func ask(_ fixture: inout BrokerFixture, _ peer: BrokerFixture.Peer) -> BrokerAction? {
        fixture.broker.queryRelays(peer.connection, now: fixture.now)
        return fixture.broker.takeActions().first
    }

    @Test("sixteen at once have relays, then one in two seconds, and the rest none")
    func bounded() throws {
        var fixture = BrokerFixture()
        let (peer, other) = (try fixture.resident(), try fixture.resident())
        for _ in 0..<16 { #expect(Self.ask(&fixture, peer) == .giveRelays(to: peer.connection)) }
        #expect(Self.ask(&fixture, peer) == .send(.relays(WireRelays()), to: peer.connection))
        #expect(Self.ask(&fixture, other) == .giveRelays(to: other.connection))
        fixture.now = fixture.now + .seconds(2)
        #expect(Self.ask(&fixture, peer) == .giveRelays(to: peer.connection))
        #expect(Self.ask(&fixture, peer) == .send(.relays(WireRelays()), to: peer.connection))
    }
}
