import BodkinCore
import BodkinProtocols
import BodkinTransport
import Testing

@testable import Bodkin

/// What a Meet, its card and what follows it mean.
@Suite("A dial that meets")
struct DialMeetingTests {
    @Test("a Meet tells the strategies of the instants, then of what may be connected to")
    func met() {
        let bench = DialBench()
        _ = bench.take()
        bench.meet()
        #expect(bench.take() == ["meet"] && bench.targets == [DialBench.endpoint] && bench.phase == "meeting")
        #expect(bench.dial.report.attempts.map(\.remote) == [nil, DialBench.endpoint])
    }

    @Test("a second Meet means nothing")
    func twice() {
        let bench = DialBench()
        bench.meet()
        _ = bench.take()
        bench.meet(instance: 2)
        #expect(bench.take().isEmpty && bench.dial.remoteInstance == DialBench.instance(1))
    }

    @Test("a Meet may come after the dial had to wait, and a Meet that is void after a new pending")
    func pending() {
        let bench = DialBench()
        bench.feed(.pending)
        bench.meet()
        #expect(bench.phase == "meeting" && !bench.dial.isPending)
        _ = bench.take()
        bench.feed(.pending)
        #expect(bench.take() == ["again"])
        // With a path nobody else is waited for.
        let connected = DialBench()
        connected.meet()
        connected.secure(.circuit)
        _ = connected.take()
        connected.feed(.pending)
        #expect(connected.take().isEmpty)
    }

    @Test("another instance does not know the session")
    func restarted() {
        let bench = DialBench(.resume(.anyPath))
        _ = bench.take()
        bench.meet(instance: 2)
        #expect(bench.take() == ["fail unavailable", "cancel", "release"])
        let known = DialBench(.resume(.anyPath))
        known.meet(instance: 1)
        #expect(known.phase == "meeting")
    }

    @Test("where one side wants circuits alone, or there is no port, nobody is fired at")
    func relayed() {
        for (isDirect, hasPort) in [(false, true), (true, false)] {
            let bench = DialBench()
            bench.context.hasPort = hasPort
            _ = bench.take()
            bench.meet(isDirect: isDirect)
            #expect(bench.take().isEmpty && bench.targets.isEmpty && bench.phase == "meeting")
            bench.secure(.circuit)
            #expect(bench.take() == ["begin on circuit", "trust", "relayed: not-wanted", "complete", "release"])
        }
    }

    @Test("without a candidate the circuit alone is left, and without a circuit nothing")
    func noCandidate() {
        for usesCircuits in [true, false] {
            let bench = DialBench(usesCircuits: usesCircuits)
            _ = bench.take()
            bench.meet(card: .success(DialBench.card([])))
            #expect(bench.take() == (usesCircuits ? ["meet"] : ["meet", "fail unreachable", "cancel", "release"]))
        }
    }

    @Test("a card is of use only if it is the peer's, and of the instance that is met")
    func cards() {
        for refusal in [Card.Refusal.foreign, .signature, .malformed] {
            let bench = DialBench()
            bench.meet(card: .failure(refusal))
            #expect(bench.targets.isEmpty && bench.dial.report.attempts.last?.verdict == .forbidden)
        }
        let other = DialBench()
        other.meet(card: .success(DialBench.card(instance: 2)))
        #expect(other.targets.isEmpty)
    }

    @Test("a candidate that the server has not seen is forbidden, said once, and allowed as soon as it has")
    func observed() {
        let bench = DialBench()
        bench.meet(observed: [])
        bench.feed(.observed([]))
        #expect(bench.targets.isEmpty && bench.dial.report.attempts.map(\.verdict) == [.pending, .forbidden])
        bench.feed(.observed([DialBench.endpoint]))
        #expect(bench.targets == [DialBench.endpoint] && bench.dial.report.attempts.map(\.verdict) == [.pending, .pending])
    }

    @Test("of a family that this host lacks the report says so")
    func family() {
        let bench = DialBench()
        bench.context.network = { Dial.LocalNetwork(families: [.v6]) }
        bench.meet()
        #expect(bench.targets.isEmpty && bench.dial.report.attempts.last?.detail == "no IPv4 here")
    }

    @Test("each way out is a target, sixteen at most, and at most eight cards are looked at")
    func bounds() {
        let bench = DialBench()
        bench.context.network = { Dial.LocalNetwork(families: [.v4], interfaces: { _ in ["a", "b", "c"] }) }
        bench.meet()
        #expect(bench.targets.count == 3)
        for number in 1...20 as ClosedRange<UInt16> {
            bench.feed(.card(.success(DialBench.card([Endpoint(DialBench.outside, 4000 + number)]))))
        }
        #expect(bench.targets.count == Dial.targetLimit && bench.dial.meeting?.cardCount == Dial.cardLimit && !bench.dial.takesCards)
    }

    @Test("cards and forecasts after the end mean nothing")
    func late() {
        let bench = DialBench()
        bench.meet()
        bench.feed(.ended)
        _ = (bench.take(), bench.targets.removeAll())
        bench.feed(.card(.success(DialBench.card([Endpoint(DialBench.outside, 4001)]))))
        bench.feed(.observed([DialBench.endpoint]))
        bench.feed(.forecast(WireForecast()))
        bench.secure(.tcp)
        #expect(bench.take().isEmpty && bench.targets.isEmpty)
    }

    @Test("the endpoint of all connections is believed only where the server has seen it", arguments: [true, false])
    func kept(_ isObserved: Bool) {
        let bench = DialBench()
        bench.meet(observed: isObserved ? [DialBench.endpoint] : [], card: .success(DialBench.card(keepsEndpoint: true)))
        #expect(bench.dial.meeting?.keptEndpoint == (isObserved ? DialBench.endpoint : nil))
    }

    @Test("a card that the server had not taken before the Meet is announced")
    func announced() {
        let bench = DialBench()
        bench.context.isCardAcknowledged = false
        _ = bench.take()
        bench.meet()
        #expect(bench.take() == ["meet", "announce"])
    }
}
