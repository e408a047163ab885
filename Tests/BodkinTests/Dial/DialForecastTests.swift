import BodkinCore
import BodkinProtocols
import BodkinTransport
import Testing

@testable import Bodkin

/// Asking the remote peer for its forecast.
@Suite("A dial for a forecast")
struct DialForecastTests {
    @Test("the question goes out once the circuit has proved the remote peer, and no session begins")
    func answered() {
        let bench = DialBench(.forecast)
        bench.meet(isDirect: false)
        _ = bench.take()
        bench.secure(.circuit)
        #expect(bench.take() == ["trust", "ask"])
        bench.feed(.forecast(WireForecast()))
        #expect(bench.take() == ["forecast", "cancel", "release"])
    }

    @Test("an old peer that knows no question is not waited for for long")
    func unanswered() {
        let bench = DialBench(.forecast)
        bench.meet(isDirect: false)
        bench.secure(.circuit)
        _ = bench.take()
        bench.run(until: .milliseconds(2_999))
        #expect(bench.take().isEmpty)
        bench.run(until: .seconds(4))
        #expect(bench.take().first == "no forecast" && bench.dial.deadline == nil)
    }

    @Test("a peer that cannot be met, or a server that is gone, is an error")
    func failed() {
        let absent = DialBench(.forecast)
        absent.feed(.pending)
        absent.feed(.refused(.unavailable))
        #expect(absent.take().contains("fail unavailable"))
        let lost = DialBench(.forecast)
        lost.feed(.serverLost(message: "gone"))
        #expect(lost.take().contains("fail serverLost"))
    }

    /// What happens at the called side.
    enum Step: CaseIterable, Sendable { case asked, proved, sampled }

    @Test(
        "the called side answers once, when it is asked, the asker has proved itself, and its own sampling is over, in whatever order",
        arguments: [
            [Step.asked, .proved, .sampled], [.asked, .sampled, .proved], [.proved, .asked, .sampled], [.proved, .sampled, .asked],
            [.sampled, .asked, .proved], [.sampled, .proved, .asked],
        ])
    func called(_ steps: [Step]) {
        let bench = DialBench(calledWithin: .seconds(30))
        bench.feed(.circuitOpened)
        bench.context.isCircuitOpen = true
        bench.meet(isDirect: false)
        bench.context.isSampling = true
        for (index, step) in steps.enumerated() {
            #expect(!bench.done.contains("answer"))
            switch step {
            case .asked: bench.feed(.forecast(WireForecast()))
            case .proved: bench.secure(.circuit)
            case .sampled:
                bench.context.isSampling = false
                bench.feed(.samplingChanged)
            }
            if index == 2 { #expect(bench.done.contains("answer")) }
        }
        bench.feed(.forecast(WireForecast()))
        bench.feed(.samplingChanged)
        #expect(bench.done.count { $0 == "answer" } == 1 && bench.done.count { $0 == "sample" } == 1)
    }

    @Test("whatever comes in whatever order, a dial ends by its caller's time, and does nothing after its end")
    func hostile() {
        for seed in 1...500 as ClosedRange<UInt64> {
            var random = SplitMix64(state: seed)
            let purposes: [Dial.Purpose] = [.open, .forecast, .resume(.anyPath), .resume(.directPath), .resume(.circuit)]
            let bench = seed % 4 == 0 ? DialBench(calledWithin: .seconds(30)) : DialBench(purposes.randomElement(using: &random) ?? .open)
            for _ in 0..<60 where bench.phase != "over" {
                bench.begins.isTentative = Bool.random(using: &random)
                switch Int.random(in: 0..<18, using: &random) {
                case 0: bench.meet(instance: UInt8.random(in: 1...2, using: &random), isDirect: Bool.random(using: &random))
                case 1: bench.feed(.pending)
                case 2: bench.feed(.refused([.unavailable, .unresponsive, .quota].randomElement(using: &random) ?? .quota))
                case 3: bench.feed(.remoteLost)
                case 4: if Int.random(in: 0..<5, using: &random) == 0 { bench.feed(.serverLost(message: "gone")) }
                case 5: bench.secure(.circuit)
                case 6: bench.secure(.tcp)
                case 7: bench.feed(.circuitLost([.impostor, .closedByRemote].randomElement(using: &random) ?? .impostor))
                case 8: bench.feed(.directPathLost)
                case 9: bench.exhaust()
                case 10: bench.feed(.card(.success(DialBench.card([Endpoint(DialBench.outside, UInt16.random(in: 1...9000, using: &random))]))))
                case 11: bench.feed(.observed([DialBench.endpoint]))
                case 12: bench.feed(.forecast(WireForecast()))
                case 13: bench.feed(.registrationSent)
                case 14: bench.context.session?.isSuspect.toggle()
                case 15: bench.feed(.sessionChanged)
                case 16: bench.feed(.opened(nil, isResumed: Bool.random(using: &random)))
                default: bench.run(until: bench.now.sinceStart + .milliseconds(Int.random(in: 0...400, using: &random)))
                }
            }
            bench.context.session = nil
            bench.run(until: bench.now.sinceStart + .seconds(40))
            #expect(bench.targets.count <= Dial.targetLimit, "seed \(seed)")
            bench.feed(.ended)
            _ = bench.take()
            for input in [Dial.Input.pending, .remoteLost, .strategiesExhausted, .sessionBegan, .timeout, .samplingChanged] { bench.feed(input) }
            #expect(bench.take().isEmpty && bench.dial.deadline == nil && bench.phase == "over", "seed \(seed)")
        }
    }
}
