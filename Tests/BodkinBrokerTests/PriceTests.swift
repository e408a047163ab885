import BodkinBroker
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

@Suite("Every message has a price, and every price an account")
struct PriceTests {
    /// One message of each kind that a peer may send, and what it costs in units of a ping; at last one that no version knows.
    static let prices: [(body: WireEnvelope.OneOf_Body?, price: Double)] = [
        (.ping(WirePing()), 1), (.pong(WirePing()), 1), (.hello(WireHello()), 1), (.register(WireRegister()), 40),
        (.register(.with { $0.policy.peers = Array(repeating: Data(count: 32), count: 1_000) }), 140), (.dial(WireDial()), 10),
        (.dialBack(WireDialBack()), 10),
        (.relayQuery(WireRelayQuery()), 10), (.signal(WireSignal()), 4), (.recall(WireRecall()), 4), (.meetAck(WireMeetAck()), 2),
        (.dialCancel(WireDialCancel()), 2), (.circuitClose(WireCircuitClose()), 2), (.circuitData(WireCircuitData()), 1),
        (.circuitData(.with { $0.data = Data(count: 1_024) }), 0.75), (.circuitData(.with { $0.data = Data(count: 16_384) }), 0.25),
        (.circuitCredit(WireCircuitCredit()), 1), (.circuitCredit(.with { $0.bytes = 32_768 }), 0.25),
        (.circuitCredit(.with { $0.bytes = .max }), 0.25),
        (.meet(WireMeet()), 1), (.failure(WireFailure()), 1), (nil, 1),
    ]

    @Test("a price for each kind", arguments: prices)
    func price(_ body: WireEnvelope.OneOf_Body?, _ price: Double) { #expect(MessagePrice.of(body) == price) }

    @Test("a connection that sends without end is read at its rate, whatever it sends", arguments: prices)
    func connection(_ body: WireEnvelope.OneOf_Body?, _ price: Double) throws {
        var limits = BrokerLimits()
        limits.messagesPerSecond = 100
        var fixture = BrokerFixture(limits: limits)
        let peer = try fixture.resident()
        let start = fixture.now
        var cost = 0.0
        while fixture.now - start < .seconds(10) {
            let wait = fixture.broker.charge(peer.connection, MessagePrice.of(body), now: fixture.now)
            cost += MessagePrice.of(body)
            fixture.now = fixture.now + wait
        }
        // The burst, ten seconds, and the last one.
        #expect((1_200...1_200 + 2 * 140).contains(cost))
    }

    @Test("all connections of an address, of a /56 and of a token share a rate", arguments: [0, 1, 2])
    func account(_ kind: Int) throws {
        var quotas = Quotas()
        let account: WritableKeyPath<Quotas, Quota> = [\.token, \.address, \.prefix][kind]
        quotas[keyPath: account].messagesPerSecond = 1_000
        var fixture = BrokerFixture(quotas: quotas)
        var peers: [ConnectionID] = []
        for number in 0..<50 as Range<UInt64> {
            let id = ConnectionID(100 + number)
            let source = kind == 2 ? IPAddress(v6High: 0x2001_0DB8_0000_0100 + number, low: 1) : IPAddress(v4: kind == 1 ? 7 : UInt32(number))
            let peer = PeerID(publicKey: (0..<32).map { _ in UInt8.random(in: 0...255) })
            let isIn = fixture.broker.join(
                id, peer: try #require(peer), instance: .random(), token: 0, source: source, roundTrip: .zero, now: fixture.now)
            #expect(isIn)
            peers.append(id)
        }
        // One turn of each, a hundred pings: the first twenty have the burst.
        let waits = peers.map { fixture.broker.charge($0, 100, now: fixture.now) }
        #expect(waits[..<20].allSatisfy { $0 == .zero } && waits[20...].allSatisfy { $0 > .zero })
        #expect(waits[49] > .milliseconds(2_999) && waits[49] < .milliseconds(3_001))
        // Another account is not touched.
        let other = ConnectionID(1)
        let isIn = fixture.broker.join(
            other, peer: try Identity.create().peerID, instance: .random(), token: 1, source: IPAddress(v4: 0x0808_0808), roundTrip: .zero,
            now: fixture.now)
        let wait = fixture.broker.charge(other, 100, now: fixture.now)
        #expect(isIn && wait == .zero)
    }

    /// What says nothing: an empty piece of a circuit, no credit, a signal without a payload.
    enum Nothing: CaseIterable { case data, credit, signal }

    @Test("a message that says nothing ends what it is for", arguments: Nothing.allCases, [true, false])
    func nothing(_ kind: Nothing, isDialer: Bool) throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let called = try fixture.resident()
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt, early: "early")
        _ = fixture.answer(called, attempt)
        let (sender, other) = isDialer ? (dialer, called) : (called, dialer)
        switch kind {
        case .data: #expect(fixture.data(sender, attempt, 0).closedCircuit(of: other) == .violation)
        case .credit: #expect(fixture.credit(sender, attempt, 0).closedCircuit(of: other) == .violation)
        case .signal:
            fixture.broker.signal(sender.connection, .with { $0.attempt = Data(attempt.bytes) }, now: fixture.now)
            #expect(fixture.broker.takeActions().failure(of: sender) == .protocol)
        }
    }

    @Test("a parked STUN request is judged again for a new key alone, and few wait for one instance")
    func parked() throws {
        var fixture = BrokerFixture()
        let peer = try fixture.join()
        let results = (0..<20 as Range<UInt64>).map { fixture.park($0, peer.stunName) }
        #expect(results == (0..<20).map { $0 < 16 })
        func settled(_ fixture: inout BrokerFixture) -> Int { fixture.broker.takeActions().count { if case .settle = $0 { true } else { false } } }
        try fixture.register(peer)
        let first = settled(&fixture)
        for sequence in 2...50 as ClosedRange<UInt64> { try fixture.register(peer, sequence: sequence) }
        let again = settled(&fixture)
        #expect(first == 16 && again == 0)
    }

    @Test("parked requests are counted for a /56, not for each of its addresses")
    func parkedPrefix() throws {
        var limits = BrokerLimits()
        limits.parkedPerSource = 3
        var fixture = BrokerFixture(limits: limits)
        let results = (0..<5 as Range<UInt64>).map { fixture.park($0, from: IPAddress(v6High: 0x2001_0DB8_0000_0100 + $0, low: $0)) }
        #expect(results == [true, true, true, false, false])
    }
}
