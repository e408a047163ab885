import BodkinBroker
import BodkinCore
import BodkinProtocols
import NIOCore
import Testing

@Suite("The broker's warm connections")
struct WarmTests {
    private let endpoint = Endpoint(Town.source, 4000)

    private func observed(_ town: inout Town, _ peer: Town.Peer) throws -> [Endpoint] {
        let dialer = try town.resident()
        let actions = town.dial(dialer, peer.id)
        _ = town.leave(dialer)
        return actions.meet(to: peer)?.ownObserved.compactMap { $0.endpoint() } ?? []
    }

    @Test("the vouching ends with the warm connection")
    func ends() throws {
        var town = Town()
        let peer = try town.resident()
        town.broker.prove(WarmID(1), peer.connection, endpoint: endpoint, now: town.now)
        #expect(try observed(&town, peer) == [endpoint])
        town.broker.warmClosed(WarmID(1))
        #expect(try observed(&town, peer).isEmpty)
    }

    @Test("there are four at most, the newest")
    func four() throws {
        var town = Town()
        let peer = try town.resident()
        for number in 1...6 {
            town.broker.prove(WarmID(UInt64(number)), peer.connection, endpoint: Endpoint(Town.source, UInt16(number)), now: town.now)
        }
        #expect(try observed(&town, peer).map(\.port) == [3, 4, 5, 6])
    }

    @Test("a proof that comes after the Meet is told to the other side, eight at once and then four a second")
    func late() throws {
        var town = Town()
        let (dialer, peer) = (try town.resident(), try town.resident())
        _ = town.dial(dialer, peer.id)
        var told = 0
        for number in 1...20 {
            town.broker.prove(WarmID(UInt64(number)), peer.connection, endpoint: Endpoint(Town.source, UInt16(number)), now: town.now)
            told += town.broker.takeActions().count { if case .send(.observed, dialer.connection) = $0 { true } else { false } }
        }
        #expect(told == 8)
        _ = town.pass(.seconds(1))
        town.broker.prove(WarmID(21), peer.connection, endpoint: endpoint, now: town.now)
        let actions = town.broker.takeActions()
        #expect(actions.contains { if case .send(.observed(let list), dialer.connection) = $0 { list.observed.count == 4 } else { false } })
    }

    @Test("a request waits for its registration, and is judged when that comes")
    func parked() throws {
        var town = Town()
        let peer = try town.join()
        #expect([town.park(1, peer.stunName)] == [true])
        try town.register(peer)
        #expect(town.broker.takeActions().contains(.settle(WarmID(1))))
        #expect(town.broker.claim(of: peer.stunName)?.key == peer.stunKey)
    }

    @Test("a registration that comes between look-up and parking is not missed")
    func race() throws {
        var town = Town()
        let peer = try town.resident()
        #expect([town.park(1, peer.stunName)] == [true])
        #expect(town.broker.takeActions() == [.settle(WarmID(1))])
    }

    @Test("nobody waits longer than ten seconds, however often it is judged")
    func patience() throws {
        var town = Town()
        let name = BindingName(key: [1])
        #expect([town.park(1, name)] == [true])
        _ = town.pass(.seconds(9))
        #expect([town.park(1, name)] == [true])
        #expect(town.pass(.seconds(1)) == [.settle(WarmID(1))])
        #expect([town.park(1, name)] == [false])
    }

    @Test("so many wait in all, and from one address, and those who went make room")
    func bounded() {
        var limits = BrokerLimits()
        limits.parked = 3
        limits.parkedPerSource = 2
        var town = Town(limits: limits)
        var results: [Bool] = []
        for (number, source) in [(1, Town.source), (2, Town.source), (3, Town.source), (4, IPAddress(v4: 9)), (5, IPAddress(v4: 10))] {
            results.append(town.park(UInt64(number), from: source))
        }
        #expect(results == [true, true, false, true, false])
        town.broker.warmClosed(WarmID(1))
        let isParked = town.park(6)
        #expect(isParked)
    }

    /// What somebody registers who has met a peer, or has even seen its STUN key.
    enum Squatter: String, CaseIterable, Sendable { case instance, key, both }

    @Test("an instance and a STUN key belong to their peer: eight who claim them keep it from nothing", arguments: Squatter.allCases, [true, false])
    func claimed(_ squatter: Squatter, _ isFirst: Bool) throws {
        var town = Town()
        let victim = try town.join()
        if isFirst { try town.register(victim) }
        for _ in 0..<9 {
            let thief = try town.join(
                instance: squatter == .key ? .random() : victim.instance, stunKey: squatter == .instance || !isFirst ? nil : victim.stunKey)
            try town.register(thief)
            let failure = town.broker.takeActions().failure(of: thief)
            #expect(failure == (squatter == .instance || !isFirst ? nil : .protocol))
        }
        try town.register(victim, sequence: 2)
        #expect(town.broker.takeActions().failure(of: victim) == nil)
        #expect(town.broker.claim(of: victim.stunName)?.connection == victim.connection && town.broker.isConsistent)
        // Recalls and successors go by peer and instance, too.
        let dialer = try town.resident()
        #expect(town.dial(dialer, victim.id, instance: victim.instance).meet(to: victim) != nil)
    }

    @Test("a connection that stops to vouch for anybody is told so, once", arguments: [true, false])
    func demoted(_ hasSuccessor: Bool) throws {
        var town = Town()
        let peer = try town.resident()
        for number in 1...5 as ClosedRange<UInt64> {
            town.broker.prove(WarmID(number), peer.connection, endpoint: Endpoint(Town.source, UInt16(number)), now: town.now)
        }
        #expect(town.broker.takeActions() == [.demote(WarmID(1))])
        if hasSuccessor {
            let successor = try town.join(peer.identity, instance: peer.instance, stunKey: peer.stunKey)
            try town.register(successor, sequence: 2)
            let actions = town.broker.takeActions()
            #expect(!actions.contains { if case .demote = $0 { true } else { false } })
        } else {
            let demoted = town.leave(peer).compactMap { if case .demote(let id) = $0 { id } else { nil } }
            #expect(demoted == [2, 3, 4, 5].map { WarmID($0) })
        }
    }
}
