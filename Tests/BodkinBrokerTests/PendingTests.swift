import BodkinCore
import BodkinIdentity
import BodkinProtocols
import FoundationEssentials
import NIOCore
import Testing

@testable import BodkinBroker

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The processor time of the calling thread: other programs on a busy machine do not count.
private func processorTime() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
}

@Suite("The broker's dials that wait")
struct PendingTests {
    /// The reasons for which nobody can be met.
    /// A dialer, and the peer that it waits for.
    private struct Wait: ~Copyable {
        var fixture: BrokerFixture
        let dialer: BrokerFixture.Peer
        let identity: Identity
        let attempt: AttemptID

        init(patience: UInt32 = 10_000, limits: BrokerLimits = BrokerFixture.limits, quotas: Quotas = Quotas()) throws {
            var fixture = BrokerFixture(limits: limits, quotas: quotas)
            let dialer = try fixture.resident(admission: .nobody)
            let identity = try Identity.create()
            let attempt = AttemptID.random()
            let actions = fixture.dial(dialer, identity.peerID, attempt, early: "hello", patience: patience)
            #expect(actions.count == 1 && actions.pendingDial(of: dialer) == attempt)
            (self.dialer, self.identity, self.attempt) = (dialer, identity, attempt)
            self.fixture = fixture
        }

        /// The peer comes, and is met.
        mutating func come(_ instance: InstanceID = .random()) throws -> BrokerFixture.Peer {
            let peer = try fixture.join(identity, instance: instance)
            try fixture.register(peer, sequence: UInt64(fixture.now.uptimeNanoseconds))
            let actions = fixture.broker.takeActions()
            let (first, second) = (try #require(actions.meet(to: peer)), try #require(actions.meet(to: dialer)))
            #expect(Array(first.early) == Array("hello".utf8) && second.isDialer && first.attempt.elementsEqual(attempt.bytes))
            return peer
        }
    }

    @Test("dials that were withdrawn leave no timers behind")
    func withdrawn() throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident(admission: .nobody)
        let absent = try Identity.create().peerID
        for _ in 0..<10_000 {
            let attempt = AttemptID.random()
            _ = fixture.dial(dialer, absent, attempt, patience: 300_000)
            _ = fixture.cancel(dialer, attempt)
            fixture.now = fixture.now + .milliseconds(20)
        }
        #expect(fixture.broker.timerCount <= 4_096 && fixture.broker.dials > 4_096)
    }

    @Test("not there and not allowed are the same answers at the same moments", arguments: BrokerFixture.Absence.allCases)
    func unavailable(_ absence: BrokerFixture.Absence) throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident(admission: .nobody)
        let target = try fixture.absent(absence, for: dialer)
        let attempt = AttemptID.random()
        #expect(fixture.dial(dialer, target, attempt, early: "e", patience: 5_000).pendingDial(of: dialer) == attempt)
        #expect(fixture.pass(.milliseconds(4_999)).isEmpty)
        let end = fixture.pass(.milliseconds(1))
        #expect(end == [.dropCircuit(attempt, at: dialer.connection)] + end.suffix(1) && end.failedDial(of: dialer) == .unavailable)
        #expect(fixture.broker.pendingCount == 0 && fixture.broker.attempts.isEmpty)
    }

    @Test("a peer that registers is met by everybody who waits for it, in the order of their dials, and the early bytes go with the Meet")
    func comes() throws {
        var fixture = BrokerFixture()
        let identity = try Identity.create()
        let dialers = try (0..<5).map { _ in try fixture.resident(admission: .nobody) }
        for dialer in dialers {
            _ = fixture.dial(dialer, identity.peerID, early: "e", patience: 10_000)
            _ = fixture.pass(.milliseconds(10))
        }
        let peer = try fixture.resident(admission: .listed, allowing: [])
        _ = peer
        let called = try fixture.join(identity)
        try fixture.register(called)
        let actions = fixture.broker.takeActions()
        let callers = actions.compactMap { action -> [UInt8]? in
            if case .send(.meet(let meet), called.connection) = action { Array(meet.peer) } else { nil }
        }
        #expect(callers == dialers.map { Array($0.id.publicKey) })
        #expect(dialers.allSatisfy { actions.meet(to: $0)?.isDialer == true })
        #expect(fixture.broker.pendingCount == 0)
        // What comes later finds nobody who waits.
        #expect(fixture.pass(.seconds(2)).isEmpty)
    }

    @Test("a registration that admits the dialer ends the wait, be it new or changed; one that does not is nothing to the dialer")
    func policy() throws {
        var wait = try Wait()
        let peer = try wait.fixture.join(wait.identity)
        try wait.fixture.register(peer, admission: .nobody)
        #expect(wait.fixture.broker.takeActions().meet(to: wait.dialer) == nil)
        try wait.fixture.register(peer, sequence: 2, admission: .listed, allowing: [Identity.create().peerID])
        #expect(wait.fixture.broker.takeActions().meet(to: wait.dialer) == nil)
        try wait.fixture.register(peer, sequence: 3, admission: .listed, allowing: [wait.dialer.id])
        #expect(wait.fixture.broker.takeActions().meet(to: wait.dialer) != nil)
    }

    @Test("a card that has expired admits nobody until it is renewed")
    func renewed() throws {
        var fixture = BrokerFixture()
        let (dialer, called) = (try fixture.resident(), try fixture.resident())
        fixture.now = fixture.now + .hours(1)
        #expect(fixture.dial(dialer, called.id, patience: 10_000).pendingDial(of: dialer) != nil)
        try fixture.register(called, sequence: 2, expiry: BrokerFixture.wallClock + 7_200_000)
        #expect(fixture.broker.takeActions().meet(to: called) != nil)
    }

    @Test("only the instance that is named ends the wait")
    func instance() throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let identity = try Identity.create()
        let wanted = InstanceID.random()
        _ = fixture.dial(dialer, identity.peerID, instance: wanted, patience: 10_000)
        let other = try fixture.join(identity)
        try fixture.register(other)
        #expect(fixture.broker.takeActions().meet(to: other) == nil)
        let right = try fixture.join(identity, instance: wanted)
        try fixture.register(right)
        #expect(fixture.broker.takeActions().meet(to: right) != nil)
    }

    /// How a peer fails to answer.
    enum Loss: CaseIterable { case silent, gone, replaced, declined }

    @Test("a Meet without an answer is void: the dialer waits on, and the next instance has the same early bytes", arguments: Loss.allCases)
    func lost(_ loss: Loss) throws {
        var wait = try Wait()
        let first = try wait.come()
        #expect(wait.fixture.data(wait.dialer, wait.attempt, 100).relayed(to: first) == 100)
        switch loss {
        case .silent:
            #expect(wait.fixture.pass(.milliseconds(2_999)).isEmpty)
            let actions = wait.fixture.pass(.milliseconds(1))
            #expect(actions.pendingDial(of: wait.dialer) == wait.attempt && actions.failure(of: first) == .unspecified)
        case .gone: #expect(wait.fixture.leave(first).pendingDial(of: wait.dialer) == wait.attempt)
        case .declined:
            let actions = wait.fixture.answer(first, wait.attempt, .declined)
            #expect(actions.pendingDial(of: wait.dialer) == wait.attempt && actions.contains(.dropCircuit(wait.attempt, at: first.connection)))
            // Who has declined is not asked again.
            try wait.fixture.register(first, sequence: UInt64(wait.fixture.now.uptimeNanoseconds) + 1, admission: .listed, allowing: [wait.dialer.id])
            #expect(wait.fixture.broker.takeActions().meet(to: first) == nil)
            _ = wait.fixture.leave(first)
        case .replaced:
            let second = try wait.fixture.join(wait.identity, instance: first.instance)
            try wait.fixture.register(second, sequence: .max)
            let actions = wait.fixture.broker.takeActions()
            let kinds = actions.compactMap { action -> Bool? in
                switch action {
                case .send(.dialPending, wait.dialer.connection): false
                case .send(.meet, wait.dialer.connection): true
                default: nil
                }
            }
            #expect(kinds == [false, true] && actions.relayed(to: second) == 100)
            return
        }
        wait.fixture.now = wait.fixture.now + .milliseconds(1)
        let second = try wait.fixture.join(wait.identity)
        try wait.fixture.register(second, sequence: .max)
        let actions = wait.fixture.broker.takeActions()
        #expect(actions.meet(to: second).map { Array($0.early) } == Array("hello".utf8) && actions.relayed(to: second) == 100)
        #expect(wait.fixture.answer(second, wait.attempt).isEmpty)
        #expect(wait.fixture.data(second, wait.attempt, 10).relayed(to: wait.dialer) == 10)
        // It is for good: the circuit ends with that side.
        #expect(wait.fixture.leave(second).closedCircuit(of: wait.dialer) == .peerGone)
    }

    @Test("where another instance is there, it is met at once")
    func other() throws {
        var fixture = BrokerFixture()
        let identity = try Identity.create()
        let (older, newer, dialer) = (try fixture.resident(identity), try fixture.resident(identity), try fixture.resident())
        let attempt = AttemptID.random()
        #expect(fixture.dial(dialer, identity.peerID, attempt, patience: 10_000).meet(to: newer) != nil)
        let actions = fixture.answer(newer, attempt, .declined)
        #expect(actions.pendingDial(of: dialer) == attempt && actions.meet(to: older) != nil && actions.meet(to: dialer) != nil)
    }

    @Test(
        "what the called side says on the circuit is an answer: what its death ends, nobody else can go on with",
        arguments: ["data", "credit", "close"])
    func heard(_ message: String) throws {
        var wait = try Wait()
        let peer = try wait.come()
        _ = wait.fixture.data(wait.dialer, wait.attempt, 10)
        switch message {
        case "data": _ = wait.fixture.data(peer, wait.attempt, 1)
        case "credit": _ = wait.fixture.credit(peer, wait.attempt, 10)
        default: #expect(wait.fixture.close(peer, wait.attempt).closedCircuit(of: wait.dialer) == .finished)
        }
        let actions = wait.fixture.leave(peer)
        #expect(actions.pendingDial(of: wait.dialer) == nil && actions.closedCircuit(of: wait.dialer) == (message == "close" ? nil : .peerGone))
    }

    @Test("when the patience ends, the answer is whether anybody was there", arguments: [true, false])
    func reason(_ wasThere: Bool) throws {
        var wait = try Wait()
        if wasThere { _ = wait.fixture.leave(try wait.come()) }
        #expect(wait.fixture.pass(.milliseconds(9_999)).isEmpty)
        #expect(wait.fixture.pass(.milliseconds(1)).failedDial(of: wait.dialer) == (wasThere ? .unresponsive : .unavailable))
    }

    @Test("patience that ends before the answer is due fails the dial, and the silent connection has its full time")
    func short() throws {
        var fixture = BrokerFixture()
        let (dialer, called) = (try fixture.resident(), try fixture.resident())
        let attempts = [AttemptID.random(), .random()]
        for attempt in attempts { _ = fixture.dial(dialer, called.id, attempt, early: "e", patience: 1_000) }
        #expect(fixture.pass(.milliseconds(500)).isEmpty)
        // The one that is answered in time is none of this.
        _ = fixture.answer(called, attempts[1])
        let end = fixture.pass(.milliseconds(500))
        #expect(end.failedDial(of: dialer) == .unresponsive && end.closedCircuit(of: called) == .finished && end.failure(of: called) == nil)
        #expect(fixture.pass(.milliseconds(1_999)).isEmpty)
        let last = fixture.pass(.milliseconds(1))
        #expect(last.failure(of: called) == .unspecified && last.failedDial(of: dialer) == nil)
        #expect(fixture.broker.attempts.isEmpty)
    }

    @Test("an answer that comes after the patience keeps the connection, and ends the attempt")
    func late() throws {
        var fixture = BrokerFixture()
        let (dialer, called) = (try fixture.resident(), try fixture.resident())
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt, patience: 1_000)
        _ = fixture.pass(.milliseconds(1_000))
        #expect(fixture.answer(called, attempt).isEmpty && fixture.broker.attempts.isEmpty)
        #expect(fixture.pass(.seconds(10)).isEmpty)
    }

    @Test("a second Meet has its own time to be answered")
    func timers() throws {
        var wait = try Wait()
        let first = try wait.come()
        #expect(wait.fixture.pass(.milliseconds(2_500)).isEmpty)
        _ = wait.fixture.leave(first)
        let second = try wait.come()
        #expect(wait.fixture.pass(.milliseconds(2_999)).isEmpty)
        #expect(wait.fixture.pass(.milliseconds(1)).failure(of: second) == .unspecified)
    }

    @Test("a minute without a circuit counts from the Meet")
    func lifetime() throws {
        var wait = try Wait(patience: 120_000)
        #expect(wait.fixture.pass(.seconds(100)).isEmpty)
        let peer = try wait.come()
        _ = wait.fixture.answer(peer, wait.attempt)
        #expect(wait.fixture.pass(.seconds(59)).isEmpty)
        #expect(wait.fixture.pass(.seconds(1)).closedCircuit(of: peer) == .finished)
        #expect(wait.fixture.broker.attempts.isEmpty)
    }

    @Test("a dial that is given up is forgotten, and its Meet void; one that was answered goes on")
    func cancelled() throws {
        var wait = try Wait()
        #expect(wait.fixture.cancel(wait.dialer, wait.attempt).isEmpty)
        #expect(wait.fixture.broker.attempts.isEmpty && wait.fixture.broker.pendingCount == 0 && wait.fixture.broker.statistics.circuits == 0)

        let called = try wait.fixture.resident()
        let attempt = AttemptID.random()
        _ = wait.fixture.dial(wait.dialer, called.id, attempt, early: "e", patience: 10_000)
        // Nobody else gives it up.
        #expect(wait.fixture.cancel(called, attempt).isEmpty)
        #expect(wait.fixture.cancel(wait.dialer, attempt).closedCircuit(of: called) == .finished)
        #expect(wait.fixture.pass(.seconds(3)).failure(of: called) == .unspecified)

        let other = try wait.fixture.resident()
        let answered = AttemptID.random()
        _ = wait.fixture.dial(wait.dialer, other.id, answered, early: "e", patience: 10_000)
        _ = wait.fixture.answer(other, answered)
        #expect(wait.fixture.cancel(wait.dialer, answered).isEmpty)
        #expect(wait.fixture.data(other, answered, 1).relayed(to: wait.dialer) == 1)
    }

    @Test("a dialer that goes away takes its dials with it; one that ends its circuit waits for the direct path alone")
    func leaves() throws {
        var wait = try Wait()
        var close = WireCircuitClose()
        close.attempt = .init(wait.attempt.bytes)
        wait.fixture.broker.close(wait.dialer.connection, close, now: wait.fixture.now)
        let peer = try wait.fixture.join(wait.identity)
        try wait.fixture.register(peer)
        #expect(wait.fixture.broker.takeActions().meet(to: peer)?.early.isEmpty == true)
        var other = try Wait()
        _ = other.fixture.leave(other.dialer)
        #expect(other.fixture.broker.pendingCount == 0 && other.fixture.broker.pending.isEmpty && other.fixture.broker.attempts.isEmpty)
    }

    @Test("what is sent ahead is bounded: more ends the circuit, or the repetition")
    func ahead() throws {
        var wait = try Wait()
        #expect(wait.fixture.data(wait.dialer, wait.attempt, 16_384).isEmpty)
        #expect(wait.fixture.data(wait.dialer, wait.attempt, 16_384).isEmpty)
        #expect(wait.fixture.data(wait.dialer, wait.attempt, 1).closedCircuit(of: wait.dialer) == .violation)
        #expect(wait.fixture.broker.pendingCount == 1)

        var met = try Wait()
        let peer = try met.come()
        for _ in 0..<3 { #expect(met.fixture.data(met.dialer, met.attempt, 16_384).relayed(to: peer) == 16_384) }
        #expect(met.fixture.leave(peer).failedDial(of: met.dialer) == .unresponsive)
    }

    @Test("no quota for one more that waits: the dial fails at once, a peer that is there is met, and the others wait on", arguments: [0, 1, 2])
    func quota(_ bound: Int) throws {
        var (limits, quotas) = (BrokerFixture.limits, Quotas())
        switch bound {
        case 0: quotas.address.pendingDials = 3
        case 1: limits.pendingDials = 3
        default: limits.pendingDialsPerPeer = 3
        }
        var wait = try Wait(limits: limits, quotas: quotas)
        for _ in 0..<2 { #expect(wait.fixture.dial(wait.dialer, wait.identity.peerID, patience: 10_000).pendingDial(of: wait.dialer) != nil) }
        #expect(wait.fixture.dial(wait.dialer, wait.identity.peerID, patience: 10_000).failedDial(of: wait.dialer) == .quota)
        let called = try wait.fixture.resident()
        let attempt = AttemptID.random()
        #expect(wait.fixture.dial(wait.dialer, called.id, attempt, patience: 10_000).meet(to: called) != nil)
        // Where there is no room to wait on, the dial fails for what it was.
        if bound < 2 { #expect(wait.fixture.leave(called).failedDial(of: wait.dialer) == .unresponsive) }
        _ = wait.fixture.cancel(wait.dialer, wait.attempt)
        #expect(wait.fixture.dial(wait.dialer, wait.identity.peerID, patience: 10_000).pendingDial(of: wait.dialer) != nil)
        #expect(wait.fixture.pass(.seconds(10)).count { if case .send(.dialFailed, _) = $0 { true } else { false } } == (bound < 2 ? 3 : 4))
        #expect(wait.fixture.broker.pendingCount == 0)
    }

    @Test("a peer that comes and goes has so many Meets of one attempt")
    func flapping() throws {
        var wait = try Wait(patience: 200_000)
        for count in 1...16 {
            let peer = try wait.come()
            #expect(wait.fixture.leave(peer).failedDial(of: wait.dialer) == (count < 16 ? nil : .unresponsive))
            wait.fixture.now = wait.fixture.now + .milliseconds(1)
        }
        #expect(wait.fixture.broker.attempts.isEmpty)
    }

    @Test("the longest patience is five minutes")
    func longest() throws {
        var wait = try Wait(patience: .max)
        #expect(wait.fixture.pass(.milliseconds(299_999)).isEmpty)
        #expect(wait.fixture.pass(.milliseconds(1)).failedDial(of: wait.dialer) == .unavailable)
    }

    @Test("a registration that admits none of 512 who wait costs about as much as one for which nobody waits")
    func cost() throws {
        var quotas = Quotas()
        for quota in [\Quotas.token, \Quotas.address] { quotas[keyPath: quota].pendingDials = 512; quotas[keyPath: quota].dialBurst = 1_000 }
        var wait = try Wait(quotas: quotas)
        for _ in 1..<512 { _ = wait.fixture.dial(wait.dialer, wait.identity.peerID, patience: 10_000) }
        let peer = try wait.fixture.join(wait.identity)
        try wait.fixture.register(peer, admission: .nobody)
        #expect(!wait.fixture.broker.takeActions().contains { if case .send(.meet, _) = $0 { true } else { false } })
        let start = processorTime()
        for sequence in 2..<UInt64(102) { try wait.fixture.register(peer, sequence: sequence, admission: .nobody) }
        // The broker does not judge the same admission again: the rest are a hundred signatures.
        let time = processorTime() - start
        #expect(time < .seconds(1))
        try wait.fixture.register(peer, sequence: 200)
        func meets(_ actions: [BrokerAction]) -> Int {
            actions.count { if case .send(.meet, peer.connection) = $0 { true } else { false } }
        }
        // In groups of 64, one every 100 ms.
        #expect(meets(wait.fixture.broker.takeActions()) == 64)
        for _ in 1..<8 { #expect(meets(wait.fixture.pass(.milliseconds(100))) == 64) }
        #expect(meets(wait.fixture.pass(.milliseconds(100))) == 0)
    }
}
