import BodkinCore
import BodkinProtocols
import FoundationEssentials
import Testing

@testable import Bodkin

/// Dials of the remote peer, and those of both sides at once.
@Suite("Glare")
struct RemoteGlareTests {
    @Test("a Meet is answered, and a later dial of the same instance takes the place of an earlier one")
    func meets() {
        let bench = RemoteBench()
        #expect(bench.feed(.meet(bench.meet("first"), isAccepted: false)) == ["accept first", "take first"])
        #expect(bench.feed(.meet(bench.meet("by circuit", direct: false), isAccepted: false)) == ["accept by circuit", "take by circuit"])
        #expect(bench.feed(.meet(bench.meet("other", instance: 2), isAccepted: false)) == ["accept other", "take other"])
        let later = bench.feed(.meet(bench.meet("later"), isAccepted: false))
        #expect(later == ["accept later", "replace first", "replace by circuit", "take later"])
    }

    @Test("a Meet is declined where they are not let in, where the ID is taken, and where it names no instance")
    func declined() {
        let bench = RemoteBench()
        bench.context.isAdmitted = false
        #expect(bench.feed(.meet(bench.meet("m"), isAccepted: false)) == ["decline m"])
        bench.context.isAdmitted = true
        let own = bench.addDial("own")
        #expect(bench.feed(.meet(bench.meet("m", id: own), isAccepted: false)) == ["decline m"])
        var nameless = bench.meet("m")
        nameless.instance = .init()
        #expect(bench.feed(.meet(nameless, isAccepted: false)) == ["decline m"])
        nameless.attempt = .init()
        #expect(bench.feed(.meet(nameless, isAccepted: false)) == [])
    }

    @Test("the same Meet over another link begins the dial again, unless it has led to a session")
    func again() {
        let bench = RemoteBench()
        let meet = bench.meet("m")
        bench.feed(.meet(meet, isAccepted: false))
        #expect(bench.feed(.meet(meet, isAccepted: false)) == ["drop circuit of m", "end m", "accept m", "take m"])
        bench.change(bench.context.dials[0].id) { $0.session = .random() }
        #expect(bench.feed(.meet(meet, isAccepted: false)) == ["accept m"])
    }

    @Test("while the lower peer's dial stands, the other's Meet is accepted and waits; it goes ahead if that is let, or ends")
    func deferred() {
        let bench = RemoteBench()
        _ = bench.call("anna")
        let own = bench.context.dials[0].id
        #expect(bench.feed(.meet(bench.meet("theirs"), isAccepted: false)) == ["accept theirs"])
        #expect(bench.remote.hasDeferredMeet(for: own) && bench.remote.beginsTentatively(bench.context))
        // The server says that the other one is not there, or that our dial waits.
        #expect(bench.feed(.deferredMeetAccepted) == ["accept theirs", "take theirs"])
        #expect(bench.feed(.deferredMeetAccepted) == [])
        bench.context.dials.removeAll { $0.role == .called }
        bench.feed(.meet(bench.meet("again"), isAccepted: false))
        let successor = bench.addDial("successor")
        bench.feed(.dialReplaced(own, by: successor))
        bench.end(own)
        #expect(bench.take() == [])
        bench.end(successor)
        #expect(bench.take() == ["fail anna", "later", "accept again", "take again"])
    }

    @Test("a dial stands if it is the lower peer's, for a connection, has none yet, and does not wait at the server")
    func standing() {
        let higher = RemoteBench(isLower: false)
        _ = higher.call("anna")
        #expect(higher.feed(.meet(higher.meet("m"), isAccepted: false)) == ["accept m", "take m"])
        let changes: [(inout Remote.DialState) -> Void] = [
            { $0.isPending = true }, { $0.purpose = .forecast }, { $0.session = .random() }, { $0.purpose = .resume(.anyPath) },
        ]
        for (number, change) in changes.enumerated() {
            let bench = RemoteBench()
            bench.addDial("own", change)
            #expect(bench.feed(.meet(bench.meet("m"), isAccepted: false)) == ["accept m", "take m"], "\(number)")
        }
    }

    @Test("their session is that of all who call, and ends our dials; without a caller it is an incoming one")
    func folding() {
        let bench = RemoteBench(isLower: false)
        _ = bench.call("anna")
        bench.feed(.meet(bench.meet("m"), isAccepted: false))
        let called = bench.context.dials[1].id
        #expect(bench.open(.start, kind: .circuit, dial: called) == ["begin theirs by m"])
        let session = bench.addSession("s") { ($0.role, $0.isConfirmed) = (.called, true) }
        bench.addDial("query") { $0.purpose = .forecast }
        #expect(bench.feed(.session(session, .opened)) == ["deliver s to anna", "end ours"])
        let second = bench.addSession("t") { ($0.role, $0.instance) = (.called, RemoteBench.instance(2)) }
        #expect(bench.feed(.session(second, .opened)) == ["incoming t"])
    }

    @Test("of two sessions one that is not tentative stands; of two tentative ones that of the lower peer", arguments: [true, false], [true, false])
    func openings(isLower: Bool, isTentative: Bool) {
        for mode in [PathOpening.Mode.start, .offer, .attach] {
            let bench = RemoteBench(isLower: isLower)
            _ = bench.call("anna")
            let session = bench.addSession("s") { ($0.isConfirmed, $0.isOffer) = (false, isTentative) }
            bench.change(bench.context.dials[0].id) { ($0.session, $0.isTentative, $0.instance) = (session, isTentative, RemoteBench.instance(1)) }
            let expected: [String] =
                switch mode {
                case .attach: ["refuse: unknownSession"]
                case .start: isTentative ? ["withdraw ours", "begin theirs"] : ["begin theirs"]
                case .offer: isTentative && !isLower ? ["withdraw ours", "begin theirs"] : []
                }
            #expect(bench.open(mode) == expected, "\(mode)")
        }
    }

    @Test("an opening that waits goes ahead if ours is over, and is closed if ours is answered; the caller of a tentative one hears why")
    func waiting() {
        func bench() -> (RemoteBench, SessionID) {
            let bench = RemoteBench()
            _ = bench.call("anna")
            let session = bench.addSession("s") { ($0.isConfirmed, $0.isOffer) = (false, true) }
            bench.change(bench.context.dials[0].id) { ($0.session, $0.isTentative) = (session, true) }
            return (bench, session)
        }
        let (over, first) = bench()
        _ = over.open(.offer)
        #expect(over.close(first) == ["lose ours", "offer again 1"])
        let (alone, second) = bench()
        #expect(alone.close(second) == ["lose ours: gone"])
        let (answered, third) = bench()
        _ = answered.open(.offer)
        answered.change(third) { $0.isConfirmed = true }
        #expect(answered.feed(.session(third, .confirmed)) == ["confirm ours", "close"])
        // An opening that comes after that is late.
        #expect(answered.open(.offer) == ["refuse: refused"])
        let (many, _) = bench()
        for _ in 0..<Remote.pathLimit { #expect(many.open(.offer) == []) }
        #expect(many.open(.offer) == ["close"])
        many.context.waiting = []
        #expect(many.open(.offer) == [])
    }

    @Test("a path is attached to the session that it names, within its limit")
    func attaching() {
        let bench = RemoteBench()
        let session = bench.addSession("s") { $0.role = .called }
        #expect(bench.open(.attach, session: session) == ["attach to s"])
        #expect(bench.open(.attach, session: session, instance: 2) == ["refuse: unknownSession"])
        #expect(bench.open(.attach, session: session, receiver: RemoteBench.instance(9)) == ["refuse: unknownSession"])
        bench.change(session) { $0.pathCount = Remote.pathLimit }
        #expect(bench.open(.attach, session: session) == ["close"])
        let called = bench.addDial("m") { ($0.role, $0.instance) = (.called, RemoteBench.instance(1)) }
        bench.change(session) { $0.pathCount = 1 }
        #expect(bench.open(.attach, session: session) == ["attach to s by m"])
        #expect(bench.open(.attach, session: session, kind: .circuit) == ["attach to s"])
        #expect(bench.open(.attach, session: session, kind: .circuit, dial: called) == ["attach to s by m"])
    }

    @Test("a session begins only where they are let in or dialed, there is room, and the peer is not over")
    func admission() {
        let changes: [(String, (RemoteBench) -> Void)] = [
            ("policy", { $0.context.isAdmitted = false }), ("room", { $0.context.hasRoomForSession = { false } }),
            ("over", { $0.context.isOver = true }),
        ]
        for (name, change) in changes {
            let bench = RemoteBench()
            change(bench)
            #expect(bench.open(.start) == ["refuse: refused"], "\(name)")
        }
        let dialed = RemoteBench()
        dialed.context.isAdmitted = false
        _ = dialed.call("anna")
        #expect(dialed.open(.start) == ["begin theirs"])
        // A session that lives is a grant to go on with it alone.
        let live = RemoteBench()
        live.context.isAdmitted = false
        let session = live.addSession("s")
        live.addDial("redial") { ($0.purpose, $0.session) = (.resume(.anyPath), session) }
        #expect(live.open(.start) == ["refuse: refused"])
    }

    @Test("what was offered to an instance that is not there any more is withdrawn")
    func otherInstance() {
        let bench = RemoteBench()
        _ = bench.call("anna")
        let tentative = bench.addSession("t") { ($0.isConfirmed, $0.isOffer) = (false, true) }
        bench.change(bench.context.dials[0].id) { ($0.session, $0.isTentative, $0.instance) = (tentative, true, RemoteBench.instance(1)) }
        let session = bench.addSession("s") { ($0.role, $0.instance) = (.called, RemoteBench.instance(2)) }
        #expect(bench.feed(.session(session, .opened)) == ["withdraw ours", "deliver s to anna"])
    }

    @Test("beside a session on a direct path nothing else is tried")
    func settled() {
        let bench = RemoteBench()
        let session = bench.addSession("s")
        bench.addDial("ours") { $0.session = session }
        bench.addDial("theirs") { ($0.role, $0.instance) = (.called, RemoteBench.instance(1)) }
        bench.addDial("other") { ($0.role, $0.instance) = (.called, RemoteBench.instance(2)) }
        #expect(bench.feed(.session(session, .settled)) == ["settle ours", "end theirs"])
    }
}
