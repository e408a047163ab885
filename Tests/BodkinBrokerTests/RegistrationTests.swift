import BodkinBroker
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import FoundationEssentials
import NIOCore
import Testing

@Suite("The broker's registrations")
struct RegistrationTests {
    private func refusal(
        _ change: (inout WireRegister, BrokerFixture.Peer) throws -> Void = { _, _ in }, expiry: UInt64 = BrokerFixture.wallClock + 1000
    ) throws -> WireFailure.Code? {
        var fixture = BrokerFixture()
        let peer = try fixture.join()
        var wire = try BrokerFixture.wire(peer, expiry: expiry)
        try change(&wire, peer)
        do {
            _ = try Registration(
                wire, of: peer.id, instance: peer.instance, server: BrokerFixture.server, wallClock: BrokerFixture.wallClock, now: fixture.now)
            return nil
        } catch {
            return error.code
        }
    }

    @Test("a card must be one's own, whole, for this server and this instance")
    func cards() throws {
        #expect(try refusal() == nil)
        #expect(try refusal { wire, _ in wire.card.signature[3] ^= 1 } == .card)
        #expect(try refusal { wire, _ in wire.card.card = Data([0xFF, 0xFF]) } == .card)
        #expect(try refusal { wire, _ in wire.clearCard() } == .card)
        #expect(try refusal { wire, _ in wire.stunKey = Data([1]) } == .protocol)
        #expect(try refusal { wire, _ in wire.policy.peers = Array(repeating: Data(count: 32), count: 1001) } == nil)
        #expect(
            try refusal { wire, _ in
                wire.policy.admission = .listed
                wire.policy.peers = Array(repeating: Data(count: 32), count: 1001)
            } == .tooLarge)
        #expect(
            try refusal { wire, _ in
                var fixture = BrokerFixture()
                wire.card = try BrokerFixture.wire(fixture.join()).card
            } == .card)
        #expect(
            try refusal { wire, peer in
                let other = BrokerFixture.Peer(connection: peer.connection, identity: peer.identity, instance: .random(), stunKey: peer.stunKey)
                wire.card = try BrokerFixture.wire(other).card
            } == .card)
        #expect(
            try refusal { wire, peer in
                wire.card = try Card(
                    peer: peer.id, instance: peer.instance, sequence: 1, server: Array(repeating: 8, count: 32),
                    expiry: BrokerFixture.wallClock + 1000,
                    candidates: []
                ).signed(by: peer.identity.privateKey)
            } == .card)
    }

    @Test("a card is good for 25 hours at most", arguments: [(-1, true), (0, true), (1, false), (90_000_000, false), (90_000_001, true)])
    func expiry(_ offset: Int64, _ isRefused: Bool) throws {
        let code = try refusal(expiry: UInt64(Int64(BrokerFixture.wallClock) + offset))
        #expect(code == (isRefused ? .expired : nil))
    }

    @Test("no expiry overflows anything")
    func overflow() throws {
        #expect(try refusal(expiry: .max) == .expired)
        #expect(try refusal(expiry: 0) == .expired)
    }

    @Test("sequence numbers grow, from one connection to the next as well")
    func sequence() throws {
        var fixture = BrokerFixture()
        let peer = try fixture.resident()
        try fixture.register(peer, sequence: 1)
        #expect(fixture.broker.takeActions().failure(of: peer) == .card)
        let other = try fixture.resident()
        let successor = try fixture.join(other.identity, instance: other.instance)
        try fixture.register(successor, sequence: 1)
        #expect(fixture.broker.takeActions().failure(of: successor) == .card)
    }

    @Test("a successor takes over: the old connection is told, the NAT-binding connections stay with the same key only", arguments: [true, false])
    func successor(_ hasSameKey: Bool) throws {
        var fixture = BrokerFixture()
        let old = try fixture.resident()
        fixture.broker.prove(BindingID(1), old.connection, endpoint: Endpoint(BrokerFixture.source, 4000), now: fixture.now)
        let new = try fixture.join(old.identity, instance: old.instance, stunKey: hasSameKey ? old.stunKey : nil)
        try fixture.register(new, sequence: 2)
        #expect(fixture.broker.takeActions().failure(of: old) == .replaced)
        let dialer = try fixture.resident()
        #expect(fixture.dial(dialer, new.id).meet(to: new)?.ownObserved.count == (hasSameKey ? 1 : 0))
        #expect(fixture.broker.statistics.registered == 2)
    }

    @Test("registrations, connections and instances are counted and given back")
    func quotas() throws {
        var quotas = Quotas()
        quotas.address.registrations = 1
        var fixture = BrokerFixture(quotas: quotas)
        let first = try fixture.resident()
        let second = try fixture.join()
        try fixture.register(second)
        #expect(fixture.broker.takeActions().failure(of: second) == .quota)
        _ = fixture.leave(first)
        let third = try fixture.join()
        try fixture.register(third)
        #expect(fixture.broker.takeActions().failure(of: third) == nil)
    }

    @Test("one address has so many connections, a /56 as well, a /48 four times as many, and a /32 sixteen times")
    func connections() throws {
        var quotas = Quotas()
        quotas.address.connections = 2
        quotas.prefix.connections = 1
        var fixture = BrokerFixture(quotas: quotas)
        var count: UInt64 = 1_000
        func joined(_ fixture: inout BrokerFixture, _ source: IPAddress) throws -> Bool {
            count += 1
            return fixture.broker.join(
                ConnectionID(count), peer: try Identity.create().peerID, instance: .random(), token: 0, source: source, roundTrip: .zero,
                now: fixture.now)
        }
        let (first, neighbour) = (IPAddress(v6High: 0x2001_0DB8_0000_0000, low: 1), IPAddress(v6High: 0x2001_0DB8_0000_00FF, low: 2))
        let results = try [BrokerFixture.source, BrokerFixture.source, BrokerFixture.source, first, neighbour, IPAddress(v4: 1)].map {
            try joined(&fixture, $0)
        }
        #expect(results == [true, true, false, true, false, true])
        // Two hundred sites of one tunnel, and of one provider.
        let tunnel = try (1..<200 as Range<UInt64>).count { try joined(&fixture, IPAddress(v6High: 0x2001_0DB8_0000_0000 | $0 << 8, low: 1)) }
        let provider = try (1..<200 as Range<UInt64>).count { try joined(&fixture, IPAddress(v6High: 0x2001_0DB8_0000_0000 | $0 << 16, low: 1)) }
        #expect(tunnel == 3 && provider == 12)
        fixture.broker.leave(ConnectionID(1_004), now: fixture.now)
        let isIn = try joined(&fixture, neighbour)
        #expect(isIn)
    }
}
