import BodkinBroker
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import NIOCore
import Testing

@Suite("The broker's dials")
struct DialTests {
    @Test("not there and not allowed are the same answer at the same moment", arguments: Town.Absence.allCases)
    func unavailable(_ absence: Town.Absence) throws {
        var town = Town()
        let dialer = try town.resident(admission: .nobody)
        let target = try town.absent(absence, for: dialer)
        let attempt = AttemptID.random()
        let actions = town.dial(dialer, target, attempt)
        #expect(actions.count == 1)
        #expect(actions.failedDial(of: dialer) == .unavailable)
        // Nothing is left of it: the same attempt may be dialed again.
        #expect(town.dial(dialer, target, attempt).failedDial(of: dialer) == .unavailable)
    }

    @Test("a listed dialer is let in; a declined call looks like nobody there")
    func listed() throws {
        var town = Town()
        let dialer = try town.resident()
        let called = try town.resident(admission: .listed, allowing: [dialer.id])
        let attempt = AttemptID.random()
        #expect(town.dial(dialer, called.id, attempt).meet(to: called)?.peer.elementsEqual(dialer.id.publicKey) == true)
        #expect(town.answer(called, attempt, .declined).failedDial(of: dialer) == .unavailable)
    }

    @Test("the newest dialable instance is called, and never oneself")
    func newest() throws {
        var town = Town()
        let identity = try Identity.create()
        let old = try town.resident(identity)
        let new = try town.resident(identity)
        _ = try town.resident(identity, admission: .nobody)
        let dialer = try town.resident()
        #expect(town.dial(dialer, identity.peerID).meet(to: new) != nil)
        // Changing a card does not make an instance newer.
        try town.register(old, sequence: 2)
        #expect(town.dial(dialer, identity.peerID).meet(to: new) != nil)
        #expect(town.dial(new, identity.peerID).meet(to: old) != nil)
        _ = town.leave(new)
        #expect(town.dial(old, identity.peerID).failedDial(of: old) == .unavailable)
    }

    @Test("both sides fire at one instant: whoever is nearer waits", arguments: [(5, 80), (80, 5), (50, 50), (0, 60)])
    func timing(_ dialer: Int64, _ called: Int64) throws {
        var town = Town()
        let near = try town.resident(roundTrip: .milliseconds(dialer))
        let far = try town.resident(roundTrip: .milliseconds(called))
        let actions = town.dial(near, far.id)
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
        var town = Town()
        let dialer = try town.resident()
        let called = try town.resident()
        _ = town.dial(dialer, called.id)
        #expect(town.pass(.milliseconds(2999)).isEmpty)
        let actions = town.pass(.milliseconds(1))
        #expect(actions.failedDial(of: dialer) == .unresponsive)
        #expect(actions.failure(of: called) == .unspecified)
        #expect(town.dial(dialer, called.id).failedDial(of: dialer) == .unavailable)
    }

    @Test(
        "a called peer that has spoken since the Meet came loses one attempt, and keeps its registration and its circuits",
        arguments: [(0, false), (50, false), (51, true), (2999, true)] as [(spokenAfter: Int64, stays: Bool)])
    func alive(_ spokenAfter: Int64, _ stays: Bool) throws {
        var town = Town()
        let dialer = try town.resident()
        let friend = try town.resident()
        let called = try town.resident(roundTrip: .milliseconds(50))
        let circuit = AttemptID.random()
        _ = town.dial(friend, called.id, circuit, early: "early")
        _ = town.answer(called, circuit)
        _ = town.dial(dialer, called.id)
        _ = town.pass(.milliseconds(spokenAfter))
        town.broker.heard(called.connection, now: town.now)
        let actions = town.pass(.milliseconds(3000 - spokenAfter))
        #expect(actions.failedDial(of: dialer) == .unresponsive)
        #expect(actions.failure(of: called) == (stays ? nil : .unspecified))
        #expect(actions.closedCircuit(of: friend) == (stays ? nil : .peerGone))
        #expect((town.dial(friend, called.id).meet(to: called) != nil) == stays)
    }

    @Test("a Meet that cannot be delivered ends its attempt alone, on whichever side", arguments: [true, false])
    func undelivered(_ isCalled: Bool) throws {
        var town = Town()
        let dialer = try town.resident()
        let called = try town.resident()
        let attempt = AttemptID.random()
        let meets = town.dial(dialer, called.id, attempt, early: "early")
        let (receiver, other) = isCalled ? (called, dialer) : (dialer, called)
        let meet = try #require(meets.meet(to: receiver))
        town.broker.undelivered(.meet(meet), to: receiver.connection, now: town.now)
        let actions = town.broker.takeActions()
        #expect(actions.failedDial(of: dialer) == (isCalled ? .unresponsive : .unavailable))
        #expect(actions.failure(of: receiver) == nil && actions.failure(of: other) == nil)
        if !isCalled { #expect(actions.closedCircuit(of: called) == .peerGone) }
        #expect(town.broker.statistics.circuits == 0 && town.broker.isConsistent)
        #expect(town.dial(dialer, called.id).meet(to: called) != nil)
        #expect(town.pass(.seconds(2)).isEmpty)
    }

    @Test("messages that are best effort end nothing where they cannot be delivered")
    func bestEffort() throws {
        var town = Town()
        let dialer = try town.resident()
        let called = try town.resident()
        let attempt = AttemptID.random()
        _ = town.dial(dialer, called.id, attempt, early: "early")
        _ = town.answer(called, attempt)
        for body: WireEnvelope.OneOf_Body in [.signal(WireSignal()), .recall(WireRecall()), .observed(WireObserved()), .pong(WirePing())] {
            town.broker.undelivered(body, to: called.connection, now: town.now)
        }
        #expect(town.broker.takeActions().isEmpty && town.broker.statistics.circuits == 1)
    }

    @Test("a slow path has four round trips to answer")
    func slow() throws {
        var town = Town()
        let dialer = try town.resident()
        let called = try town.resident(roundTrip: .milliseconds(900))
        let attempt = AttemptID.random()
        _ = town.dial(dialer, called.id, attempt)
        #expect(town.pass(.milliseconds(3599)).isEmpty)
        #expect(town.answer(called, attempt).isEmpty)
        #expect(town.pass(.seconds(30)).isEmpty)
    }

    @Test("glare: two dials at each other are two attempts, and both are passed on")
    func glare() throws {
        var town = Town()
        let one = try town.resident()
        let two = try town.resident()
        let first = town.dial(one, two.id)
        let second = town.dial(two, one.id)
        #expect(first.meet(to: one)?.isDialer == true && first.meet(to: two)?.isDialer == false)
        #expect(second.meet(to: two)?.isDialer == true && second.meet(to: one)?.isDialer == false)
    }

    @Test("a dial waits for the warm connections, at most 250 ms or two round trips after the registration", arguments: [(0, 250), (400, 800)])
    func warm(_ roundTrip: Int64, _ wait: Int64) throws {
        var town = Town()
        let called = try town.resident()
        let dialer = try town.join(roundTrip: .milliseconds(roundTrip))
        try town.register(dialer, admission: .nobody, warm: 1)
        _ = town.broker.takeActions()
        #expect(town.dial(dialer, called.id).isEmpty)
        #expect(town.pass(.milliseconds(wait - 1)).isEmpty)
        #expect(town.pass(.milliseconds(1)).meet(to: called)?.observed.isEmpty == true)
        // Where STUN does not get through, later dials do not wait again.
        #expect(town.dial(dialer, called.id).meet(to: called) != nil)
    }

    @Test("the proof of the last warm connection sends the Meet at once")
    func proved() throws {
        var town = Town()
        let called = try town.resident()
        let dialer = try town.join()
        try town.register(dialer, warm: 2)
        _ = town.broker.takeActions()
        #expect(town.dial(dialer, called.id).isEmpty)
        let endpoints = [Endpoint(Town.source, 4000), Endpoint(Town.source, 4001)]
        town.broker.prove(WarmID(1), dialer.connection, endpoint: endpoints[0], now: town.now)
        #expect(town.broker.takeActions().isEmpty)
        town.broker.prove(WarmID(2), dialer.connection, endpoint: endpoints[1], now: town.now)
        let actions = town.broker.takeActions()
        #expect(actions.meet(to: called)?.observed.compactMap { $0.endpoint() } == endpoints)
        #expect(actions.meet(to: dialer)?.ownObserved.compactMap { $0.endpoint() } == endpoints)
        #expect(actions.meet(to: dialer)?.observed.isEmpty == true)
    }

    @Test("a dial for a circuit alone names no address to either side")
    func relayOnly() throws {
        var town = Town()
        let called = try town.resident()
        let dialer = try town.resident()
        town.broker.prove(WarmID(1), dialer.connection, endpoint: Endpoint(Town.source, 4000), now: town.now)
        town.broker.prove(WarmID(2), called.connection, endpoint: Endpoint(Town.source, 4001), now: town.now)
        let actions = town.dial(dialer, called.id, early: "e", direct: false)
        for meet in try [#require(actions.meet(to: called)), #require(actions.meet(to: dialer))] {
            #expect(!meet.hasCard && meet.observed.isEmpty && meet.ownObserved.isEmpty && !meet.direct)
        }
    }

    @Test("an attempt's name is used once; early is bounded; a dial wants something")
    func malformed() throws {
        var town = Town()
        let called = try town.resident()
        let attempt = AttemptID.random()
        let one = try town.resident()
        _ = town.dial(one, called.id, attempt)
        #expect(town.dial(called, one.id, attempt).failure(of: called) == .protocol)
        let two = try town.resident()
        #expect(town.dial(two, called.id, early: String(repeating: "x", count: 4097)).failure(of: two) == .tooLarge)
        let three = try town.resident()
        #expect(town.dial(three, called.id, direct: false).failure(of: three) == .protocol)
        let four = try town.join()
        #expect(town.dial(four, called.id).failure(of: four) == .protocol)
    }

    @Test("too many dials fail by themselves, and time heals it")
    func quota() throws {
        var quotas = Quotas()
        quotas.address.dialBurst = 2
        quotas.address.dialsPerSecond = 1
        var town = Town(quotas: quotas)
        let dialer = try town.resident()
        let called = try town.resident()
        let results = (0..<3).map { _ in town.dial(dialer, called.id).failedDial(of: dialer) }
        #expect(results == [nil, nil, .quota])
        town.now = town.now + .milliseconds(900)
        #expect(town.dial(dialer, called.id).failedDial(of: dialer) == .quota)
        town.now = town.now + .milliseconds(100)
        #expect(town.dial(dialer, called.id).failedDial(of: dialer) == nil)
    }

    @Test("attempts end after a minute: the name is free, signals go nowhere")
    func lifetime() throws {
        var town = Town()
        let dialer = try town.resident()
        let called = try town.resident()
        let attempt = AttemptID.random()
        _ = town.dial(dialer, called.id, attempt)
        _ = town.answer(called, attempt)
        #expect(town.signal(dialer, attempt).count == 1)
        _ = town.pass(.seconds(60))
        #expect(town.signal(dialer, attempt).isEmpty)
        #expect(town.dial(dialer, called.id, attempt).meet(to: called) != nil)
    }

    @Test("signals go to the other side, from the two sides only, and not too many")
    func signals() throws {
        var town = Town()
        let dialer = try town.resident()
        let called = try town.resident()
        let stranger = try town.resident()
        let attempt = AttemptID.random()
        _ = town.dial(dialer, called.id, attempt)
        #expect(town.signal(stranger, attempt).isEmpty)
        #expect((0..<20).reduce(0) { count, _ in count + town.signal(called, attempt).count } == 8)
        #expect(town.signal(dialer, attempt).count == 1)
    }
}
