import BodkinCore
import BodkinProtocols
import Testing

@testable import Bodkin

/// Sessions whose paths die.
@Suite("Recovery of a remote peer's sessions")
struct RemoteRecoveryTests {
    @Test("the dialer dials again at once, then ever more seldom, and gives up at the end of the session's lifetime")
    func redials() {
        let bench = RemoteBench()
        let session = bench.addSession("s")
        bench.now = .start + .seconds(10)
        #expect(bench.feed(.session(session, .pathLost(endsProgram: false))) == ["suspect network", "probe"])
        #expect(bench.move(session, to: nil) == [])
        #expect(bench.run(until: .seconds(10)) == ["look at network", "redial s for anyPath"])
        // A young dial goes on; an older one is begun again.
        bench.end(bench.context.dials[0].id)
        var redials = 0
        while let deadline = bench.remote.deadline, deadline.sinceStart < .seconds(70) {
            let done = bench.run(until: deadline.sinceStart)
            redials += done.count { $0.hasPrefix("redial") }
            for dial in bench.context.dials { bench.end(dial.id) }
        }
        #expect((8...14).contains(redials))
        #expect(bench.run(until: .seconds(70)).contains("give up s"))
    }

    @Test("the called side asks the dialer, if the server knows it, and again while there is no path")
    func recalls() {
        let bench = RemoteBench()
        let session = bench.addSession("s") { $0.role = .called }
        bench.now = .start + .seconds(10)
        _ = bench.move(session, to: nil)
        #expect(bench.run(until: .seconds(10)) == ["look at network", "recall s"])
        #expect(bench.run(until: .seconds(12)).filter { $0 == "recall s" }.count >= 2)
        bench.context.isRegistrationSent = false
        #expect(!bench.run(until: .seconds(14)).contains("recall s"))
        #expect(bench.feed(.registrationSent) == ["recall s"])
        _ = bench.move(session, to: .circuit)
        #expect(bench.feed(.registrationSent) == [])
        bench.change(session) { $0.isDoubted = true }
        #expect(bench.feed(.registrationSent) == ["recall s"])
    }

    @Test("a recall begins a dial, unless one is young, the path is newer, or the last recall was just now")
    func recalled() {
        let bench = RemoteBench()
        let session = bench.addSession("s") { $0.generation = 3 }
        func recall(_ generation: UInt64, instance: UInt8 = 1) -> [String] {
            bench.feed(.session(session, .recalled(RemoteBench.instance(instance), generation: generation)))
        }
        #expect(recall(2) == [] && recall(3, instance: 2) == [])
        #expect(recall(3) == ["suspect s", "redial s for anyPath"])
        bench.now = .start + .milliseconds(499)
        #expect(recall(3) == [])
        bench.now = .start + .milliseconds(500)
        #expect(recall(3) == ["suspect s", "end anyPath", "redial s for anyPath"])
        bench.now = .start + .milliseconds(1000)
        bench.context.minimumRedialInterval = .seconds(2)
        #expect(recall(3) == ["suspect s"])
        bench.change(session) { $0.activePath = nil }
        bench.context.dials = []
        bench.now = .start + .seconds(2)
        #expect(recall(0) == ["redial s for anyPath"])
        let called = RemoteBench()
        let theirs = called.addSession("s") { $0.role = .called }
        #expect(called.feed(.session(theirs, .recalled(RemoteBench.instance(1), generation: 9))) == [])
    }

    @Test("a recall over a circuit that works makes the search for a direct path begin now")
    func recalledOnCircuit() {
        let bench = RemoteBench()
        let session = bench.addSession("s", on: .circuit)
        #expect(bench.feed(.session(session, .recalled(RemoteBench.instance(1), generation: 0))) == [])
        #expect(bench.run(until: .zero) == ["redial s for directPath"])
    }

    @Test("a late answer has another path looked for beside a direct one, once in five seconds for each path")
    func doubts() {
        let bench = RemoteBench()
        let session = bench.addSession("s")
        #expect(bench.feed(.session(session, .doubtful)) == ["suspect network", "suspect s", "redial s for anyPath"])
        bench.now = .start + .seconds(5)
        #expect(bench.feed(.session(session, .doubtful)) == ["suspect network", "suspect s"])
        bench.feed(.session(session, .tookOver))
        #expect(bench.feed(.session(session, .doubtful)) == ["suspect network", "suspect s", "end anyPath", "redial s for anyPath"])
        #expect(bench.context.dials.count == 1)
        let relayed = RemoteBench()
        let circuit = relayed.addSession("s", on: .circuit)
        #expect(relayed.feed(.session(circuit, .doubtful)) == ["suspect network", "probe"])
        let called = RemoteBench()
        let theirs = called.addSession("s") { $0.role = .called }
        #expect(called.feed(.session(theirs, .doubtful)) == ["suspect network", "recall s"])
    }

    @Test("the only path that is silent gives way to whatever comes up, and another one is looked for unless a dial does so already")
    func silent() {
        let bench = RemoteBench()
        let session = bench.addSession("s")
        #expect(bench.feed(.session(session, .stillSilent)) == ["suspect s", "look at network", "redial s for anyPath"])
        #expect(bench.feed(.session(session, .stillSilent)) == ["suspect s", "look at network"])
        let called = RemoteBench()
        let theirs = called.addSession("s") { $0.role = .called }
        #expect(called.feed(.session(theirs, .stillSilent)) == ["look at network", "recall s"])
        #expect(called.feed(.session(theirs, .stillSilent)) == ["look at network", "recall s"])
    }

    @Test("while the first dial still meets, only another circuit is dialed for")
    func meeting() {
        for usesCircuits in [true, false] {
            let bench = RemoteBench(usesCircuits: usesCircuits)
            let session = bench.addSession("s")
            let first = bench.addDial("first") { ($0.session, $0.mayStillConnect) = (session, true) }
            bench.now = .start + .seconds(10)
            _ = bench.move(session, to: nil)
            #expect(bench.run(until: .seconds(10)) == ["look at network"] + (usesCircuits ? ["redial s for circuit"] : []))
            // The session dials again as soon as nothing is under way for it.
            bench.end(first)
            for dial in bench.context.dials { bench.end(dial.id) }
            #expect(bench.run(until: .seconds(12)).contains("redial s for anyPath"))
        }
    }

    @Test("a relayed session is upgraded by its dialer; a miss that may be over brings that forward, and so does a new mapping")
    func upgrades() {
        let bench = RemoteBench()
        let session = bench.addSession("s", on: .circuit)
        #expect(bench.remote.deadline == nil)
        let first = bench.addDial("first") { $0.session = session }
        bench.feed(.session(session, .directPathMissed))
        bench.end(first)
        #expect(bench.run(until: .milliseconds(4_999)) == [])
        #expect(bench.run(until: .seconds(5)) == ["redial s for directPath"])
        #expect(bench.feed(.mappingsChanged) == [])
        bench.end(bench.context.dials[0].id)
        // What was under way began before the mapping.
        #expect(bench.run(until: .seconds(5)) == ["redial s for directPath"])
        let without = RemoteBench(usesDirectPaths: false)
        without.addSession("s", on: .circuit)
        #expect(without.feed(.mappingsChanged) == [] && without.run(until: .seconds(3_600)) == [])
    }

    @Test("another network begins an upgrade again, and dials for what has no path or a doubted one")
    func networks() {
        let bench = RemoteBench()
        let upgraded = bench.addSession("relayed", on: .circuit)
        bench.addDial("upgrade") { ($0.purpose, $0.session) = (.resume(.directPath), upgraded) }
        let doubted = bench.addSession("doubted") { $0.isDoubted = true }
        bench.addSession("fine")
        #expect(Set(bench.feed(.networkChanged)) == ["redial doubted for anyPath", "end upgrade"])
        #expect(bench.context.dials.map(\.session) == [doubted])
    }

    @Test("the server's return has what is without a path dialed for, unless its Dial is on its way")
    func serverReturned() {
        let bench = RemoteBench()
        let session = bench.addSession("s")
        bench.addDial("former") { ($0.purpose, $0.session, $0.isDialed) = (.resume(.anyPath), session, true) }
        bench.change(session) { $0.activePath = nil }
        #expect(bench.feed(.serverReturned) == [])
        bench.change(bench.context.dials[0].id) { $0.isDialed = false }
        #expect(bench.feed(.serverReturned) == ["end former", "redial s for anyPath"])
    }

    @Test("a peer that is over gives a session up with its last path")
    func over() {
        let bench = RemoteBench()
        let session = bench.addSession("s")
        bench.context.isOver = true
        bench.now = .start + .seconds(10)
        _ = bench.move(session, to: nil)
        let deadline = bench.remote.deadline
        #expect(deadline == bench.now)
        #expect(bench.feed(.timeout) == ["give up s"])
        #expect(bench.close(session) == [] && bench.remote.isIdle && bench.remote.deadline == nil)
    }
}
