import BodkinCore
import BodkinProtocols
import BodkinTransport
import Testing

@testable import Bodkin

/// The paths of a dial, and how it ends.
@Suite("A dial's paths")
struct DialPathTests {
    @Test("a direct path before the circuit, and after it, carries the session")
    func order() {
        let first = DialBench()
        first.meet()
        _ = first.take()
        first.secure(.tcp)
        #expect(first.take() == ["begin on direct", "trust"])
        first.secure(.circuit)
        #expect(first.take() == ["close circuit", "trust"])
        #expect(first.dial.report.attempts[0].verdict == .superseded)
        let second = DialBench()
        second.meet()
        second.secure(.circuit)
        _ = second.take()
        second.secure(.tcp)
        #expect(second.take() == ["add direct"])
        second.secure(.tcp)
        #expect(second.take() == ["close direct"])
        second.feed(.settled(remote: DialBench.endpoint))
        #expect(second.take() == ["complete", "release"])
        #expect(second.dial.report.route == .direct && second.dial.report.remote == DialBench.endpoint)
    }

    @Test("a resumed session needs what its state says")
    func needs() {
        let cases: [(active: PathKind?, isSuspect: Bool, kind: PathKind, isNeeded: Bool)] = [
            (nil, false, .circuit, true), (nil, false, .tcp, true), (.circuit, false, .circuit, false), (.circuit, false, .tcp, true),
            (.circuit, true, .circuit, true), (.tcp, false, .tcp, false), (.tcp, true, .tcp, true), (.tcp, true, .circuit, true),
        ]
        for (active, isSuspect, kind, isNeeded) in cases {
            let bench = DialBench(.resume(.anyPath))
            bench.context.session = Dial.Session(activePath: active, isSuspect: isSuspect)
            bench.meet()
            _ = bench.take()
            bench.secure(kind)
            let added = bench.take().contains(kind == .circuit ? "add circuit" : "add direct")
            #expect(added == isNeeded, "\(String(describing: active)) \(isSuspect) \(kind)")
            // The path that was thought dead has answered.
            #expect((bench.phase == "over") == (active == .tcp && !isSuspect))
        }
    }

    @Test("before an instance is known no path is of use to a first dial")
    func unknownInstance() {
        let bench = DialBench()
        _ = bench.take()
        bench.feed(.secured(.accepted(entry: 0), .tcp, remote: DialBench.endpoint))
        #expect(bench.take() == ["close direct"])
    }

    @Test("the called side waits for the dialer's first frame, on whatever path")
    func called() {
        let bench = DialBench(calledWithin: .seconds(30))
        bench.feed(.circuitOpened)
        bench.meet()
        _ = bench.take()
        bench.secure(.circuit)
        #expect(bench.take() == ["await opening", "trust"])
        bench.context.session = Dial.Session(activePath: .circuit)
        bench.feed(.opened(.circuit, isResumed: false))
        #expect(bench.take() == ["trust"] && bench.dial.report.attempts[0].verdict == .succeeded)
        bench.exhaust()
        #expect(bench.take().contains("complete"))
    }

    @Test("a dial of theirs that has no path ends at once: without a circuit when nothing is fired any more, and with its circuit")
    func calledWithoutPath() {
        let neither = DialBench(calledWithin: .seconds(30))
        neither.meet(isDirect: false)
        #expect(neither.phase == "over")
        let relayed = DialBench(calledWithin: .seconds(30))
        relayed.feed(.circuitOpened)
        relayed.context.isCircuitOpen = true
        relayed.meet(isDirect: false)
        #expect(relayed.phase == "meeting")
        relayed.context.isCircuitOpen = false
        relayed.context.areStrategiesExhausted = true
        relayed.feed(.circuitLost(.closedByRemote))
        relayed.feed(.circuitMissed)
        #expect(relayed.phase == "over")
        // A connection that is up may still open a session.
        let direct = DialBench(calledWithin: .seconds(30))
        direct.meet()
        direct.context.isConnecting = true
        direct.exhaust()
        #expect(direct.phase == "meeting")
    }

    @Test("a called end whose dialer never comes is forgotten, one with a session is not", arguments: [true, false])
    func forgotten(_ hasSession: Bool) {
        let bench = DialBench(calledWithin: .seconds(30))
        bench.meet()
        _ = bench.take()
        if hasSession { bench.context.session = Dial.Session(activePath: .circuit) }
        bench.run(until: .seconds(31))
        #expect(bench.take() == (hasSession ? [] : ["release"]) && bench.dial.deadline == nil)
    }

    @Test("a called end of a session that goes on is done when it looks for no more")
    func resumed() {
        let bench = DialBench(calledWithin: .seconds(30))
        bench.context.isCircuitOpen = true
        bench.meet(isDirect: false)
        bench.context.session = Dial.Session(activePath: .circuit)
        _ = bench.take()
        bench.feed(.opened(nil, isResumed: true))
        #expect(bench.dial.isResumption && bench.take().contains("complete"))
    }

    @Test("a called end without direct paths waits until its session has the circuit")
    func calledByCircuit() {
        let bench = DialBench(calledWithin: .seconds(30))
        bench.context.isCircuitOpen = true
        bench.feed(.circuitOpened)
        bench.meet(isDirect: false)
        _ = bench.take()
        // The dialer has begun a session, which is about to be given the circuit.
        bench.context.session = Dial.Session()
        bench.feed(.opened(.circuit, isResumed: false))
        bench.exhaust()
        #expect(bench.phase == "meeting" && !bench.take().contains("release"))
        bench.context.session?.activePath = .circuit
        bench.context.isCircuitTaken = true
        bench.feed(.sessionChanged)
        #expect(bench.take() == ["relayed: not-wanted", "complete", "release"])
        #expect(bench.dial.report.route == .circuit)
    }

    @Test("an exhausted dial waits for its circuit, and fails without one")
    func exhausted() {
        let relayed = DialBench()
        relayed.meet()
        _ = relayed.take()
        relayed.exhaust()
        #expect(relayed.take().isEmpty)
        relayed.secure(.circuit)
        #expect(relayed.take().contains("complete") && relayed.dial.report.route == .circuit)
        let lost = DialBench()
        lost.meet()
        lost.exhaust()
        _ = lost.take()
        lost.context.isCircuitOpen = false
        lost.feed(.circuitLost(.impostor))
        #expect(lost.take() == ["fail unreachable", "cancel", "release"])
        let direct = DialBench(usesCircuits: false)
        direct.meet()
        _ = direct.take()
        direct.exhaust()
        #expect(direct.take() == ["fail unreachable", "cancel", "release"])
    }

    @Test(
        "a circuit that ends after the Meet, or that nobody answers on, is dialed anew once nothing else is left",
        arguments: [PathLoss.other("silent"), .other("reset"), .closedByRemote])
    func lostCircuit(_ loss: PathLoss) {
        let bench = DialBench()
        bench.meet()
        bench.exhaust()
        _ = bench.take()
        bench.context.isCircuitOpen = false
        bench.feed(.circuitLost(loss))
        #expect(bench.take() == ["anew"])
    }

    @Test("a circuit that is lost beside a direct path was superseded, an impostor's is called so")
    func circuitVerdicts() {
        for (hasDirectPath, loss, verdict) in [
            (true, PathLoss.closedByRemote, ConnectionReport.Attempt.Verdict.superseded), (false, .impostor, .impostor),
            (false, .closedByRemote, .failed),
        ] {
            let bench = DialBench()
            bench.meet()
            if hasDirectPath { bench.secure(.tcp) }
            bench.feed(.circuitLost(loss))
            #expect(bench.dial.report.attempts[0].verdict == verdict)
        }
    }

    @Test("a direct path that is lost before the session has settled on it makes room for another")
    func lostDirect() {
        let bench = DialBench()
        bench.meet()
        bench.secure(.circuit)
        bench.secure(.tcp)
        bench.context.session?.activePath = .circuit
        bench.feed(.directPathLost)
        _ = bench.take()
        bench.secure(.tcp)
        #expect(bench.take() == ["add direct"])
    }

    @Test("a resumption without any path waits for its circuit when nothing else is left")
    func resumption() {
        let bench = DialBench(.resume(.anyPath))
        bench.meet()
        _ = bench.take()
        bench.exhaust()
        #expect(bench.take().isEmpty)
        bench.secure(.circuit)
        let done = bench.take()
        #expect(done.starts(with: ["add circuit"]) && done.contains("complete") && bench.phase == "over")
    }

    @Test("a relayed connection says why, and whether a direct path should be looked for soon")
    func verdicts() {
        let cases: [(RelayVerdict?, Dial.Purpose, [String])] = [
            (nil, .open, ["expect direct", "relayed: silent"]), (.unpredictable, .open, ["relayed: unpredictable"]),
            (.unpredictable, .resume(.circuit), ["expect direct", "relayed: unpredictable"]),
        ]
        for (verdict, purpose, expected) in cases {
            let bench = DialBench(purpose)
            (bench.context.verdict, bench.context.isSeen) = (verdict, true)
            bench.meet()
            bench.dial.report.attempts[bench.dial.report.attempts.count - 1].shots = 1
            bench.secure(.circuit)
            _ = bench.take()
            bench.exhaust()
            #expect(bench.take().starts(with: expected), "\(String(describing: verdict)) \(purpose)")
        }
    }

    @Test("a tentative session is no end: not by exhaustion, not by a path, and its failure is the dial's")
    func tentative() {
        let bench = DialBench()
        bench.begins.isTentative = true
        bench.meet()
        bench.secure(.circuit)
        bench.exhaust()
        bench.feed(.settled(remote: nil))
        #expect(bench.phase == "meeting" && bench.dial.deadline != nil)
        _ = bench.take()
        bench.context.session = nil
        bench.feed(.tentativeSessionFailed(nil))
        #expect(bench.take().isEmpty)
        bench.feed(.tentativeSessionFailed("refused"))
        #expect(bench.take().first == "fail unresponsive")
    }

    @Test("a tentative session that the remote peer takes up ends an exhausted dial")
    func confirmed() {
        let bench = DialBench()
        bench.begins.isTentative = true
        bench.meet()
        bench.secure(.circuit)
        bench.exhaust()
        _ = bench.take()
        bench.context.session?.isTentative = false
        bench.feed(.answered)
        bench.feed(.sessionChanged)
        #expect(bench.take().contains("complete"))
    }

    @Test("a dial in whose place there is another ends, or says how far it has come", arguments: [true, false])
    func replaced(_ hasSession: Bool) {
        let bench = DialBench(calledWithin: .seconds(30))
        bench.meet()
        if hasSession { bench.context.session = Dial.Session(activePath: .circuit) }
        _ = bench.take()
        bench.feed(.replaced)
        #expect(bench.phase == "over" && bench.take().contains("complete") == hasSession)
    }

    @Test("once the callers have their connection no time runs out")
    func answered() {
        let bench = DialBench()
        bench.meet()
        bench.secure(.circuit)
        _ = bench.take()
        bench.run(until: .seconds(60))
        #expect(bench.take().isEmpty && bench.phase == "meeting")
    }
}
