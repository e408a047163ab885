import BodkinBroker
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import FoundationEssentials
import NIOCore
import Testing

@Suite("Memory is counted where it arises, and given back")
struct MemoryTests {
    /// Everything that a peer can have the server keep beyond what every connection takes.
    enum Member: CaseIterable { case list, early, ahead, unreadByCalled, unreadByDialer, connection }
    /// The budget that is used up.
    enum Budget: CaseIterable { case all, token, address }

    private static let limit = 120_000

    private static func fixture(_ budget: Budget) -> BrokerFixture {
        var (limits, quotas) = (BrokerFixture.limits, Quotas())
        quotas.address.dialBurst = 1_000
        quotas.address.pendingDials = 1_000
        switch budget {
        case .all: limits.bufferedBytes = limit
        case .token: quotas.token.bufferedBytes = limit
        case .address: quotas.address.bufferedBytes = limit
        }
        return BrokerFixture(limits: limits, quotas: quotas)
    }

    @Test("a budget is never exceeded, who exceeds it loses what was asked for, and all is given back", arguments: Member.allCases, Budget.allCases)
    func budget(_ member: Member, _ budget: Budget) throws {
        var fixture = Self.fixture(budget)
        let called = try fixture.resident()
        let dialer = try fixture.resident()
        var peers = [called, dialer]
        var refusals = 0
        for number in 0..<60 {
            let attempt = AttemptID.random()
            switch member {
            case .list:
                let peer = try fixture.join()
                peers.append(peer)
                try fixture.register(peer, admission: .listed, allowing: Self.peers)
                if fixture.broker.takeActions().failure(of: peer) == .quota {
                    refusals += 1
                    _ = fixture.leave(peer)
                }
            case .early:
                let absent = try Identity.create().peerID
                let early = String(repeating: "e", count: 4_096)
                let actions = fixture.dial(dialer, absent, attempt, early: early, direct: number % 2 == 0, patience: 60_000)
                if actions.closedCircuit(of: dialer) == .quota || actions.failedDial(of: dialer) == .quota { refusals += 1 }
            case .ahead:
                _ = fixture.dial(dialer, try Identity.create().peerID, attempt, early: "e", patience: 60_000)
                for _ in 0..<2 where fixture.data(dialer, attempt, 10_000).closedCircuit(of: dialer) == .quota { refusals += 1 }
            case .unreadByCalled, .unreadByDialer:
                let (writer, reader) = member == .unreadByCalled ? (dialer, called) : (called, dialer)
                _ = fixture.dial(dialer, called.id, attempt, early: "e")
                _ = fixture.answer(called, attempt)
                for _ in 0..<3 {
                    let actions = fixture.data(writer, attempt, 16_000)
                    if actions.closedCircuit(of: writer) == .quota && actions.closedCircuit(of: reader) == .quota { refusals += 1 }
                    #expect(actions.failure(of: reader) == nil && actions.failure(of: writer) == nil)
                }
            case .connection: if !fixture.broker.hold(dialer.connection, number * 4_096) { refusals += 1 }
            }
            #expect(fixture.broker.bufferedByteCount <= Self.limit && fixture.broker.isConsistent)
        }
        #expect(refusals > 0 && fixture.broker.bufferedByteCount > Self.limit / 2)
        for peer in peers { _ = fixture.leave(peer) }
        _ = fixture.pass(.minutes(6))
        #expect(fixture.broker.bufferedByteCount == 0 && fixture.broker.isConsistent)
    }

    private static let peers = (0..<1_000).compactMap { number in
        PeerID(publicKey: (0..<32).map { UInt8(truncatingIfNeeded: number >> ($0 % 2 * 8)) })
    }

    @Test("bytes of a circuit count until they are written, or the circuit is dropped at its reader")
    func written() throws {
        var fixture = BrokerFixture()
        let called = try fixture.resident()
        let dialer = try fixture.resident()
        let before = fixture.broker.bufferedByteCount
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt, early: "early")
        #expect(fixture.broker.bufferedByteCount == before + 5)
        _ = fixture.answer(called, attempt)
        _ = fixture.data(dialer, attempt, 1_000)
        _ = fixture.data(called, attempt, 500)
        #expect(fixture.broker.bufferedByteCount == before + 1_500)
        fixture.broker.written(called.connection, [attempt: 600])
        #expect(fixture.broker.bufferedByteCount == before + 900)
        // The end comes behind what is queued, which stays until it is written.
        _ = fixture.close(dialer, attempt)
        #expect(fixture.broker.bufferedByteCount == before + 400)
        fixture.broker.written(called.connection, [attempt: 400, .random(): 7])
        #expect(fixture.broker.bufferedByteCount == before && fixture.broker.isConsistent)
        // A number that is too large gives back what there is.
        fixture.broker.written(called.connection, [attempt: 1 << 40])
        #expect(fixture.broker.bufferedByteCount == before)
    }

    @Test("a list takes 32 bytes for a key, knows its members, and is the same in every order")
    func list() {
        let list = KeyList(Self.peers)
        #expect(list.byteCount == Self.peers.count * 32)
        #expect(Self.peers.allSatisfy(list.contains))
        #expect(KeyList(Self.peers.shuffled() + Self.peers) == list)
        let stranger = PeerID(publicKey: (0..<32).map { UInt8($0) })
        #expect(stranger.map(list.contains) == false && stranger.map(KeyList([]).contains) == false)
    }
}
