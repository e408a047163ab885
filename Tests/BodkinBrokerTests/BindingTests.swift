import BodkinBroker
import BodkinCore
import BodkinProtocols
import NIOCore
import Testing

@Suite("The broker's NAT-binding connections")
struct BindingTests {
    private let endpoint = Endpoint(BrokerFixture.source, 4000)

    private func observed(_ fixture: inout BrokerFixture, _ peer: BrokerFixture.Peer) throws -> [Endpoint] {
        let dialer = try fixture.resident()
        let actions = fixture.dial(dialer, peer.id)
        _ = fixture.leave(dialer)
        return actions.meet(to: peer)?.ownObserved.compactMap { $0.endpoint() } ?? []
    }

    @Test("the vouching ends with the NAT-binding connection")
    func ends() throws {
        var fixture = BrokerFixture()
        let peer = try fixture.resident()
        fixture.broker.prove(BindingID(1), peer.connection, endpoint: endpoint, now: fixture.now)
        #expect(try observed(&fixture, peer) == [endpoint])
        fixture.broker.bindingClosed(BindingID(1))
        #expect(try observed(&fixture, peer).isEmpty)
    }

    @Test("there are four at most, the newest")
    func four() throws {
        var fixture = BrokerFixture()
        let peer = try fixture.resident()
        for number in 1...6 {
            fixture.broker.prove(
                BindingID(UInt64(number)), peer.connection, endpoint: Endpoint(BrokerFixture.source, UInt16(number)), now: fixture.now)
        }
        #expect(try observed(&fixture, peer).map(\.port) == [3, 4, 5, 6])
    }

    @Test("a proof that comes after the Meet is told to the other side, eight at once and then four a second")
    func late() throws {
        var fixture = BrokerFixture()
        let (dialer, peer) = (try fixture.resident(), try fixture.resident())
        _ = fixture.dial(dialer, peer.id)
        var told = 0
        for number in 1...20 {
            fixture.broker.prove(
                BindingID(UInt64(number)), peer.connection, endpoint: Endpoint(BrokerFixture.source, UInt16(number)), now: fixture.now)
            told += fixture.broker.takeActions().count { if case .send(.observed, dialer.connection) = $0 { true } else { false } }
        }
        #expect(told == 8)
        _ = fixture.pass(.seconds(1))
        fixture.broker.prove(BindingID(21), peer.connection, endpoint: endpoint, now: fixture.now)
        let actions = fixture.broker.takeActions()
        #expect(actions.contains { if case .send(.observed(let list), dialer.connection) = $0 { list.observed.count == 4 } else { false } })
    }

    @Test("a request waits for its registration, and is judged when that comes")
    func parked() throws {
        var fixture = BrokerFixture()
        let peer = try fixture.join()
        #expect([fixture.park(1, peer.stunName)] == [true])
        try fixture.register(peer)
        #expect(fixture.broker.takeActions().contains(.settle(BindingID(1))))
        #expect(fixture.broker.claim(of: peer.stunName)?.key == peer.stunKey)
    }

    @Test("a registration that comes between look-up and parking is not missed")
    func race() throws {
        var fixture = BrokerFixture()
        let peer = try fixture.resident()
        #expect([fixture.park(1, peer.stunName)] == [true])
        #expect(fixture.broker.takeActions() == [.settle(BindingID(1))])
    }

    @Test("nobody waits longer than ten seconds, however often it is judged")
    func patience() throws {
        var fixture = BrokerFixture()
        let name = BindingName(key: [1])
        #expect([fixture.park(1, name)] == [true])
        _ = fixture.pass(.seconds(9))
        #expect([fixture.park(1, name)] == [true])
        #expect(fixture.pass(.seconds(1)) == [.settle(BindingID(1))])
        #expect([fixture.park(1, name)] == [false])
    }

    @Test("so many wait in all, and from one address, and those who went make room")
    func bounded() {
        var limits = BrokerLimits()
        limits.parked = 3
        limits.parkedPerSource = 2
        var fixture = BrokerFixture(limits: limits)
        var results: [Bool] = []
        for (number, source) in [
            (1, BrokerFixture.source), (2, BrokerFixture.source), (3, BrokerFixture.source), (4, IPAddress(v4: 9)), (5, IPAddress(v4: 10)),
        ] {
            results.append(fixture.park(UInt64(number), from: source))
        }
        #expect(results == [true, true, false, true, false])
        fixture.broker.bindingClosed(BindingID(1))
        let isParked = fixture.park(6)
        #expect(isParked)
    }

    /// What somebody registers who has met a peer, or has even seen its STUN key.
    enum Squatter: String, CaseIterable, Sendable { case instance, key, both }

    @Test("an instance and a STUN key belong to their peer: eight who claim them keep it from nothing", arguments: Squatter.allCases, [true, false])
    func claimed(_ squatter: Squatter, _ isFirst: Bool) throws {
        var fixture = BrokerFixture()
        let victim = try fixture.join()
        if isFirst { try fixture.register(victim) }
        for _ in 0..<9 {
            let thief = try fixture.join(
                instance: squatter == .key ? .random() : victim.instance, stunKey: squatter == .instance || !isFirst ? nil : victim.stunKey)
            try fixture.register(thief)
            let failure = fixture.broker.takeActions().failure(of: thief)
            #expect(failure == (squatter == .instance || !isFirst ? nil : .protocol))
        }
        try fixture.register(victim, sequence: 2)
        #expect(fixture.broker.takeActions().failure(of: victim) == nil)
        #expect(fixture.broker.claim(of: victim.stunName)?.connection == victim.connection && fixture.broker.isConsistent)
        // Recalls and successors go by peer and instance, too.
        let dialer = try fixture.resident()
        #expect(fixture.dial(dialer, victim.id, instance: victim.instance).meet(to: victim) != nil)
    }

    @Test("a connection that stops to vouch for anybody is told so, once", arguments: [true, false])
    func demoted(_ hasSuccessor: Bool) throws {
        var fixture = BrokerFixture()
        let peer = try fixture.resident()
        for number in 1...5 as ClosedRange<UInt64> {
            fixture.broker.prove(BindingID(number), peer.connection, endpoint: Endpoint(BrokerFixture.source, UInt16(number)), now: fixture.now)
        }
        #expect(fixture.broker.takeActions() == [.demote(BindingID(1))])
        if hasSuccessor {
            let successor = try fixture.join(peer.identity, instance: peer.instance, stunKey: peer.stunKey)
            try fixture.register(successor, sequence: 2)
            let actions = fixture.broker.takeActions()
            #expect(!actions.contains { if case .demote = $0 { true } else { false } })
        } else {
            let demoted = fixture.leave(peer).compactMap { if case .demote(let id) = $0 { id } else { nil } }
            #expect(demoted == [2, 3, 4, 5].map { BindingID($0) })
        }
    }
}
