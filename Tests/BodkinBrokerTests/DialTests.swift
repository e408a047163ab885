import BodkinBroker
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import NIOCore
import Testing

@Suite("The broker's dials")
struct DialTests {
    @Test("not there and not allowed are the same answer at the same moment", arguments: BrokerFixture.Absence.allCases)
    func unavailable(_ absence: BrokerFixture.Absence) throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident(admission: .nobody)
        let target = try fixture.absent(absence, for: dialer)
        let attempt = AttemptID.random()
        let actions = fixture.dial(dialer, target, attempt)
        #expect(actions.count == 1)
        #expect(actions.failedDial(of: dialer) == .unavailable)
        // Nothing is left of it: the same attempt may be dialed again.
        #expect(fixture.dial(dialer, target, attempt).failedDial(of: dialer) == .unavailable)
    }

    @Test("a listed dialer is let in; a declined call looks like nobody there")
    func listed() throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let called = try fixture.resident(admission: .listed, allowing: [dialer.id])
        let attempt = AttemptID.random()
        #expect(fixture.dial(dialer, called.id, attempt).meet(to: called)?.peer.elementsEqual(dialer.id.publicKey) == true)
        #expect(fixture.answer(called, attempt, .declined).failedDial(of: dialer) == .unavailable)
    }

    @Test("the newest dialable instance is called, and never oneself")
    func newest() throws {
        var fixture = BrokerFixture()
        let identity = try Identity.create()
        let old = try fixture.resident(identity)
        let new = try fixture.resident(identity)
        _ = try fixture.resident(identity, admission: .nobody)
        let dialer = try fixture.resident()
        #expect(fixture.dial(dialer, identity.peerID).meet(to: new) != nil)
        // Changing a card does not make an instance newer.
        try fixture.register(old, sequence: 2)
        #expect(fixture.dial(dialer, identity.peerID).meet(to: new) != nil)
        #expect(fixture.dial(new, identity.peerID).meet(to: old) != nil)
        _ = fixture.leave(new)
        #expect(fixture.dial(old, identity.peerID).failedDial(of: old) == .unavailable)
    }

    @Test("both sides fire at one instant: whoever is nearer waits", arguments: [(5, 80), (80, 5), (50, 50), (0, 60)])
    func timing(_ dialer: Int64, _ called: Int64) throws {
        var fixture = BrokerFixture()
        let near = try fixture.resident(roundTrip: .milliseconds(dialer))
        let far = try fixture.resident(roundTrip: .milliseconds(called))
        let actions = fixture.dial(near, far.id)
        let first = try #require(actions.meet(to: near))
        let second = try #require(actions.meet(to: far))
        #expect(Int64(first.startInUs) + dialer * 500 == Int64(second.startInUs) + called * 500)
        #expect(min(first.startInUs, second.startInUs) == 0)
        #expect(first.intervalUs == second.intervalUs)
        #expect(first.intervalUs == UInt64(max(200_000, 2_000 * (dialer + called))))
    }

    @Test("absurd round trips change nothing beyond the bounds")
    func absurd() {
        let timing = MeetTiming(dialer: .nanoseconds(.max), called: .nanoseconds(.min))
        #expect(timing.interval == .seconds(5))
        #expect(timing.dialer == .zero)
        #expect(timing.called == .seconds(4))
    }

    @Test("who does not answer is forgotten, its connection closed, and the dialer told")
    func unresponsive() throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let called = try fixture.resident()
        _ = fixture.dial(dialer, called.id)
        #expect(fixture.pass(.milliseconds(2999)).isEmpty)
        let actions = fixture.pass(.milliseconds(1))
        #expect(actions.failedDial(of: dialer) == .unresponsive)
        #expect(actions.failure(of: called) == .unspecified)
        #expect(fixture.dial(dialer, called.id).failedDial(of: dialer) == .unavailable)
    }

    @Test(
        "a called peer that has spoken since the Meet came loses one attempt, and keeps its registration and its circuits",
        arguments: [(0, false), (50, false), (51, true), (2999, true)] as [(spokenAfter: Int64, stays: Bool)])
    func alive(_ spokenAfter: Int64, _ stays: Bool) throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let friend = try fixture.resident()
        let called = try fixture.resident(roundTrip: .milliseconds(50))
        let circuit = AttemptID.random()
        _ = fixture.dial(friend, called.id, circuit, early: "early")
        _ = fixture.answer(called, circuit)
        _ = fixture.dial(dialer, called.id)
        _ = fixture.pass(.milliseconds(spokenAfter))
        fixture.broker.heard(called.connection, now: fixture.now)
        let actions = fixture.pass(.milliseconds(3000 - spokenAfter))
        #expect(actions.failedDial(of: dialer) == .unresponsive)
        #expect(actions.failure(of: called) == (stays ? nil : .unspecified))
        #expect(actions.closedCircuit(of: friend) == (stays ? nil : .peerGone))
        #expect((fixture.dial(friend, called.id).meet(to: called) != nil) == stays)
    }

    /// What becomes of an answer that is late.
    enum LateAnswer: CaseIterable {
        case comes, neverComes, comesAfterAnotherInstance
    }

    @Test(
        "the answer of a peer that speaks is waited for as long as the dialer waits, unless there is another instance", arguments: LateAnswer.allCases
    )
    func late(_ answer: LateAnswer) throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let identity = try Identity.create()
        let other = answer == .comesAfterAnotherInstance ? try fixture.resident(identity) : nil
        let called = try fixture.resident(identity)
        let attempt = AttemptID.random()
        #expect(fixture.dial(dialer, called.id, attempt, early: "early", patience: 10_000).meet(to: called) != nil)
        _ = fixture.pass(.milliseconds(1_000))
        fixture.broker.heard(called.connection, now: fixture.now)
        let actions = fixture.pass(.milliseconds(2_000))
        #expect(actions.failedDial(of: dialer) == nil && actions.failure(of: called) == nil)
        if let other {
            #expect(actions.meet(to: other) != nil && actions.meet(to: called) == nil)
            return
        }
        #expect(actions.isEmpty)
        _ = fixture.pass(.milliseconds(4_000))
        if answer == .comes {
            _ = fixture.answer(called, attempt)
            #expect(fixture.data(called, attempt, 10).isEmpty == false)
        }
        let end = fixture.pass(.milliseconds(3_000))
        #expect(end.failedDial(of: dialer) == (answer == .comes ? nil : .unresponsive) && end.failure(of: called) == nil)
        #expect(fixture.dial(dialer, called.id).meet(to: called) != nil && fixture.broker.isConsistent)
    }

    @Test("a Meet that cannot be delivered ends its attempt alone, on whichever side", arguments: [true, false])
    func undelivered(_ isCalled: Bool) throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let called = try fixture.resident()
        let attempt = AttemptID.random()
        let meets = fixture.dial(dialer, called.id, attempt, early: "early")
        let (receiver, other) = isCalled ? (called, dialer) : (dialer, called)
        let meet = try #require(meets.meet(to: receiver))
        fixture.broker.undelivered(.meet(meet), to: receiver.connection, now: fixture.now)
        let actions = fixture.broker.takeActions()
        #expect(actions.failedDial(of: dialer) == (isCalled ? .unresponsive : .unavailable))
        #expect(actions.failure(of: receiver) == nil && actions.failure(of: other) == nil)
        if !isCalled { #expect(actions.closedCircuit(of: called) == .peerGone) }
        #expect(fixture.broker.statistics.circuits == 0 && fixture.broker.isConsistent)
        #expect(fixture.dial(dialer, called.id).meet(to: called) != nil)
        #expect(fixture.pass(.seconds(2)).isEmpty)
    }

    @Test("messages that are best effort end nothing where they cannot be delivered")
    func bestEffort() throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let called = try fixture.resident()
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt, early: "early")
        _ = fixture.answer(called, attempt)
        for body: WireEnvelope.OneOf_Body in [.signal(WireSignal()), .recall(WireRecall()), .observed(WireObserved()), .pong(WirePing())] {
            fixture.broker.undelivered(body, to: called.connection, now: fixture.now)
        }
        #expect(fixture.broker.takeActions().isEmpty && fixture.broker.statistics.circuits == 1)
    }

    @Test("a slow path has four round trips to answer")
    func slow() throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let called = try fixture.resident(roundTrip: .milliseconds(900))
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt)
        #expect(fixture.pass(.milliseconds(3599)).isEmpty)
        #expect(fixture.answer(called, attempt).isEmpty)
        #expect(fixture.pass(.seconds(30)).isEmpty)
    }

    @Test("glare: two dials at each other are two attempts, and both are passed on")
    func glare() throws {
        var fixture = BrokerFixture()
        let one = try fixture.resident()
        let two = try fixture.resident()
        let first = fixture.dial(one, two.id)
        let second = fixture.dial(two, one.id)
        #expect(first.meet(to: one)?.isDialer == true && first.meet(to: two)?.isDialer == false)
        #expect(second.meet(to: two)?.isDialer == true && second.meet(to: one)?.isDialer == false)
    }

    @Test(
        "a dial waits for the NAT-binding connections, at most 250 ms or two round trips after the registration", arguments: [(0, 250), (400, 800)])
    func binding(_ roundTrip: Int64, _ wait: Int64) throws {
        var fixture = BrokerFixture()
        let called = try fixture.resident()
        let dialer = try fixture.join(roundTrip: .milliseconds(roundTrip))
        try fixture.register(dialer, admission: .nobody, binding: 1)
        _ = fixture.broker.takeActions()
        #expect(fixture.dial(dialer, called.id).isEmpty)
        #expect(fixture.pass(.milliseconds(wait - 1)).isEmpty)
        #expect(fixture.pass(.milliseconds(1)).meet(to: called)?.observed.isEmpty == true)
        // Where STUN does not get through, later dials do not wait again.
        #expect(fixture.dial(dialer, called.id).meet(to: called) != nil)
    }

    @Test("the proof of the last NAT-binding connection sends the Meet at once")
    func proved() throws {
        var fixture = BrokerFixture()
        let called = try fixture.resident()
        let dialer = try fixture.join()
        try fixture.register(dialer, binding: 2)
        _ = fixture.broker.takeActions()
        #expect(fixture.dial(dialer, called.id).isEmpty)
        let endpoints = [Endpoint(BrokerFixture.source, 4000), Endpoint(BrokerFixture.source, 4001)]
        fixture.broker.prove(BindingID(1), dialer.connection, endpoint: endpoints[0], now: fixture.now)
        #expect(fixture.broker.takeActions().isEmpty)
        fixture.broker.prove(BindingID(2), dialer.connection, endpoint: endpoints[1], now: fixture.now)
        let actions = fixture.broker.takeActions()
        #expect(actions.meet(to: called)?.observed.compactMap { $0.endpoint() } == endpoints)
        #expect(actions.meet(to: dialer)?.ownObserved.compactMap { $0.endpoint() } == endpoints)
        #expect(actions.meet(to: dialer)?.observed.isEmpty == true)
    }

    @Test("a dial for a circuit alone names no address to either side")
    func relayOnly() throws {
        var fixture = BrokerFixture()
        let called = try fixture.resident()
        let dialer = try fixture.resident()
        fixture.broker.prove(BindingID(1), dialer.connection, endpoint: Endpoint(BrokerFixture.source, 4000), now: fixture.now)
        fixture.broker.prove(BindingID(2), called.connection, endpoint: Endpoint(BrokerFixture.source, 4001), now: fixture.now)
        let actions = fixture.dial(dialer, called.id, early: "e", direct: false)
        for meet in try [#require(actions.meet(to: called)), #require(actions.meet(to: dialer))] {
            #expect(!meet.hasCard && meet.observed.isEmpty && meet.ownObserved.isEmpty && !meet.direct)
        }
    }

    @Test("an attempt's name is used once; early is bounded; a dial wants something")
    func malformed() throws {
        var fixture = BrokerFixture()
        let called = try fixture.resident()
        let attempt = AttemptID.random()
        let one = try fixture.resident()
        _ = fixture.dial(one, called.id, attempt)
        #expect(fixture.dial(called, one.id, attempt).failure(of: called) == .protocol)
        let two = try fixture.resident()
        #expect(fixture.dial(two, called.id, early: String(repeating: "x", count: 4097)).failure(of: two) == .tooLarge)
        let three = try fixture.resident()
        #expect(fixture.dial(three, called.id, direct: false).failure(of: three) == .protocol)
        let four = try fixture.join()
        #expect(fixture.dial(four, called.id).failure(of: four) == .protocol)
    }

    @Test("too many dials fail by themselves, and time heals it")
    func quota() throws {
        var quotas = Quotas()
        quotas.address.dialBurst = 2
        quotas.address.dialsPerSecond = 1
        var fixture = BrokerFixture(quotas: quotas)
        let dialer = try fixture.resident()
        let called = try fixture.resident()
        let results = (0..<3).map { _ in fixture.dial(dialer, called.id).failedDial(of: dialer) }
        #expect(results == [nil, nil, .quota])
        fixture.now = fixture.now + .milliseconds(900)
        #expect(fixture.dial(dialer, called.id).failedDial(of: dialer) == .quota)
        fixture.now = fixture.now + .milliseconds(100)
        #expect(fixture.dial(dialer, called.id).failedDial(of: dialer) == nil)
    }

    @Test("attempts end after a minute: the name is free, signals go nowhere")
    func lifetime() throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let called = try fixture.resident()
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt)
        _ = fixture.answer(called, attempt)
        #expect(fixture.signal(dialer, attempt).count == 1)
        _ = fixture.pass(.seconds(60))
        #expect(fixture.signal(dialer, attempt).isEmpty)
        #expect(fixture.dial(dialer, called.id, attempt).meet(to: called) != nil)
    }

    @Test("signals go to the other side, from the two sides only, and not too many")
    func signals() throws {
        var fixture = BrokerFixture()
        let dialer = try fixture.resident()
        let called = try fixture.resident()
        let stranger = try fixture.resident()
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt)
        #expect(fixture.signal(stranger, attempt).isEmpty)
        #expect((0..<20).reduce(0) { count, _ in count + fixture.signal(called, attempt).count } == 8)
        #expect(fixture.signal(dialer, attempt).count == 1)
    }
}
