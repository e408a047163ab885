import BodkinCore
import BodkinProtocols
import Testing

@testable import Bodkin

/// A dial and the server: how the Dial is sent, and what its answers mean.
@Suite("A dial at the server")
struct DialServerTests {
    @Test("the circuit's handshake begins at once, and the Dial follows the registration")
    func begin() {
        let bench = DialBench(isRegistered: false)
        #expect(bench.take() == ["circuit"] && bench.phase == "waiting")
        bench.feed(.registrationSent)
        #expect(bench.take().isEmpty)
        bench.context.isRegistrationSent = true
        bench.feed(.registrationSent)
        bench.feed(.registrationSent)
        #expect(bench.take() == ["dial"] && bench.phase == "dialed")
    }

    @Test(
        "what a dial is for decides what it opens and says",
        arguments: [
            (Dial.Purpose.open, ["circuit", "dial"]), (.forecast, ["circuit", "dial"]), (.resume(.anyPath), ["circuit", "dial instance"]),
            (.resume(.directPath), ["dial instance"]), (.resume(.circuit), ["circuit", "dial by circuit instance"]),
        ])
    func purposes(_ purpose: Dial.Purpose, _ expected: [String]) { #expect(DialBench(purpose).done == expected) }

    @Test("without circuits there is none, and without direct paths the Dial says so")
    func policies() {
        #expect(DialBench(usesCircuits: false).done == ["dial"])
        #expect(DialBench(usesDirectPaths: false).done == ["circuit", "dial by circuit"])
    }

    /// Where a dial is when something happens.
    enum Step: String, CaseIterable, Sendable {
        case waiting, dialed, pending, meeting, metAgain

        func bench(_ purpose: Dial.Purpose = .open) -> DialBench {
            let bench = DialBench(purpose, isRegistered: self != .waiting)
            switch self {
            case .waiting, .dialed: break
            case .pending: bench.feed(.pending)
            case .meeting: bench.meet()
            case .metAgain:
                bench.meet()
                bench.feed(.pending)
                // The successor is a dial of its own.
                let successor = DialBench(purpose, begins: false)
                successor.dial = Dial(again: bench.dial)
                return successor
            }
            _ = bench.take()
            return bench
        }
    }

    @Test("a dial for a connection says once that it waits")
    func waits() {
        func count(_ bench: DialBench) -> Int { bench.events.count { if case .waiting = $0 { true } else { false } } }
        let bench = DialBench()
        #expect(count(bench) == 0)
        bench.feed(.pending)
        bench.feed(.pending)
        #expect(count(bench) == 1)
        let met = DialBench()
        met.meet()
        met.feed(.pending)
        #expect(count(met) == 1)
        let query = DialBench(.forecast)
        query.feed(.pending)
        #expect(count(query) == 0)
    }

    @Test(
        "a timeout says what was waited for",
        arguments: [
            (Step.waiting, "fail serverLost"), (.dialed, "fail serverLost"), (.pending, "fail unavailable"), (.meeting, "fail unreachable"),
            (.metAgain, "fail unresponsive"),
        ])
    func timeouts(_ step: Step, _ expected: String) {
        let bench = step.bench()
        bench.run(until: .milliseconds(29_999))
        #expect(bench.take().isEmpty)
        bench.run(until: .seconds(30))
        #expect(bench.take().contains(expected) && bench.phase == "over" && bench.dial.deadline == nil)
    }

    @Test("a refusal ends a dial at once, unless the server's patience was shorter than the caller's")
    func refusals() {
        let cases: [(Step, WireDialFailed.Reason, String)] = [
            (.dialed, .unavailable, "fail unavailable"), (.dialed, .unresponsive, "fail unresponsive"), (.dialed, .quota, "fail quota"),
            (.pending, .unavailable, "anew"), (.pending, .unresponsive, "anew"), (.pending, .quota, "fail quota"),
            (.meeting, .unavailable, "fail unavailable"), (.metAgain, .unresponsive, "anew"),
        ]
        for (step, reason, expected) in cases {
            let bench = step.bench()
            bench.feed(.refused(reason))
            #expect(bench.take().contains(expected), "\(step), \(reason)")
        }
        let late = Step.pending.bench()
        late.now = Instant(sinceStart: .milliseconds(28_500))
        late.feed(.refused(.unavailable))
        #expect(late.take().contains("fail unavailable"))
        let resumption = Step.pending.bench(.resume(.anyPath))
        resumption.feed(.refused(.unavailable))
        #expect(resumption.take().contains("fail unavailable"))
    }

    @Test("a refusal after a path has come up means nothing")
    func lateRefusal() {
        let bench = DialBench()
        bench.meet()
        bench.secure(.circuit)
        _ = bench.take()
        bench.feed(.refused(.unresponsive))
        #expect(bench.take().isEmpty && bench.phase == "meeting")
    }

    @Test("if both dial each other, the remote peer's dial stands when ours is refused or has to wait")
    func glare() {
        for isRefused in [true, false] {
            let bench = DialBench()
            bench.context.hasDeferredMeet = true
            _ = bench.take()
            bench.feed(isRefused ? .refused(.unavailable) : .pending)
            #expect(bench.take() == ["take up"], "\(isRefused)")
            #expect(bench.phase == (isRefused ? "dialed" : "pending"))
        }
    }

    @Test("a lost link begins a dial anew that has not met, and fails one that others begin again")
    func serverLost() {
        for step in [Step.waiting, .dialed, .pending, .metAgain] {
            for purpose in [Dial.Purpose.open, .resume(.anyPath), .forecast] {
                let bench = step.bench(purpose)
                bench.context.isCircuitOpen = step != .waiting
                bench.feed(.serverLost(message: "gone"))
                #expect(bench.take().contains(purpose == .open ? "anew" : "fail serverLost"), "\(step), \(purpose)")
            }
        }
        // What waits for a server that was never there has lost nothing: its circuit's handshake is still to be sent.
        let early = Step.waiting.bench()
        early.feed(.serverLost(message: "gone"))
        #expect(early.take().isEmpty && early.phase == "waiting")
        let meeting = Step.meeting.bench()
        meeting.feed(.serverLost(message: "gone"))
        #expect(meeting.take().isEmpty)
        meeting.feed(.registrationSent)
        #expect(meeting.take() == ["anew"])
    }

    @Test("a meeting whose link is gone goes on while a connection is up")
    func serverLostWhileConnecting() {
        let bench = Step.meeting.bench()
        bench.feed(.serverLost(message: "gone"))
        bench.context.isConnecting = true
        bench.feed(.registrationSent)
        #expect(bench.take().isEmpty)
        bench.context.isConnecting = false
        bench.exhaust()
        #expect(bench.take().isEmpty)
        bench.context.isCircuitOpen = false
        bench.feed(.circuitMissed)
        #expect(bench.take() == ["anew"])
    }

    @Test("a remote peer that loses its link after the Meet is dialed anew, unless there is a path")
    func remoteLost() {
        for step in [Step.dialed, .pending, .meeting] {
            let bench = step.bench()
            bench.feed(.remoteLost)
            #expect(bench.take() == (step == .meeting ? ["anew"] : []), "\(step)")
        }
        let connected = Step.meeting.bench()
        connected.secure(.circuit)
        _ = connected.take()
        connected.feed(.remoteLost)
        #expect(connected.take().isEmpty)
    }

    @Test("a dial that is sent anew waits no longer than the first one did, and keeps what the report says")
    func anew() {
        let bench = DialBench()
        bench.now = Instant(sinceStart: .seconds(10))
        bench.feed(.serverLost(message: "gone"))
        let successor = DialBench(begins: false)
        successor.now = bench.now
        successor.dial = Dial(.random(), anew: bench.dial)
        successor.feed(.begin(isFirst: false))
        #expect(successor.take() == ["circuit", "dial"] && successor.dial.deadline?.sinceStart == .seconds(30))
        #expect(successor.dial.report.attempts.map(\.verdict) == [.failed, .pending])
        #expect(bench.dial.id != successor.dial.id)
    }

    @Test("the server is asked for less time than the caller has, and for five seconds if a forecast alone is wanted")
    func patience() {
        for (purpose, timeout, expected) in [
            (Dial.Purpose.open, Duration.seconds(30), Duration.milliseconds(29_850)), (.open, .milliseconds(200), .milliseconds(150)),
            (.forecast, .seconds(30), .seconds(5)), (.open, .zero, .zero),
        ] {
            let configuration = Dial.Configuration(localPeer: DialBench.local, timeout: timeout)
            var dial = Dial(.random(), to: DialBench.remote, for: purpose, configuration, at: .start)
            var context = Dial.Context()
            (context.isRegistrationSent, context.serverRoundTrip) = (true, .milliseconds(50))
            dial.handle(.begin(isFirst: true), in: context, at: .start)
            var found: Duration?
            while let action = dial.nextAction() { if case .sendDial(_, _, let patience) = action { found = patience } }
            #expect(found == expected)
        }
    }

    @Test("a dial that is given up tells the server only if the server has it", arguments: Step.allCases)
    func ended(_ step: Step) {
        let bench = step.bench()
        bench.feed(.ended)
        #expect(bench.take() == (step == .waiting ? ["release"] : ["cancel", "release"]))
        bench.feed(.ended)
        bench.meet()
        bench.feed(.pending)
        #expect(bench.take().isEmpty && bench.dial.deadline == nil)
    }
}
