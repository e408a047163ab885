import BodkinCore
import BodkinPrediction
import Testing

@testable import BodkinEmulation

@Suite("What a NAT that counts gives next")
struct CountingForecastTests {
    @Test("the ports are those that the lab's allocator gives, round both ends of the range", arguments: [1, -1, 2, -2, 3, -7, 300])
    func allocator(delta: Int) throws {
        for seed in 1...UInt64(40) {
            var counter = Counter(delta: delta, noise: 0, seed: seed)
            let sampled = counter.next(at: .zero)
            let first = try #require(sampled)
            let forecast = PortForecast(after: PortForecast.sample(first), .sequential(delta: delta), noise: .exactly(0), within: .zero)
            let found = forecast.guesses.compactMap { _ in counter.next(at: .zero) }
            #expect(found.count == 16 && found == forecast.guesses, "delta \(delta), seed \(seed)")
            #expect(forecast.guesses.contains(forecast.target))
        }
    }

    @Test("other kinds do not count", arguments: [AllocationKind.equal, .random(1024...65_535), .block(2048...2111), .unknown])
    func others(kind: AllocationKind) {
        #expect(PortForecast(after: PortForecast.sample(2000), kind, noise: .exactly(0), within: .zero).guesses.isEmpty)
    }

    @Test("the sample that was mapped last is the one counted furthest, round the end and downwards too")
    func latest() {
        func latest(_ delta: Int, _ ports: [UInt16]) -> UInt16? {
            let samples = ports.enumerated().map { PortForecast.sample(local: 40_000 + UInt16($0), $1) }
            return AllocationKind.sequential(delta: delta).latest(of: samples)?.external.port
        }
        #expect(latest(1, [2002, 2000, 2003, 2001]) == 2003)
        #expect(latest(-2, [2002, 2000, 2004]) == 2000)
        #expect(latest(1, [65_535, 1025, 1024]) == 1025)
        #expect(latest(-1, [1024, 65_534, 65_535]) == 65_534)
        #expect(latest(1, []) == nil)
    }

    struct Pair: Sendable, CustomTestStringConvertible {
        let deltas: (Int, Int)
        let noise: Double
        /// The rate that the size of the burst is chosen for.
        let goal: Double
        var testDescription: String { "\(deltas), \(noise)/s" }
    }

    @Test(
        "two counting NATs meet where each side's whole burst goes to the one port that both agree on",
        arguments: [
            Pair(deltas: (1, 1), noise: 0, goal: 1), Pair(deltas: (1, 3), noise: 5, goal: 0.99), Pair(deltas: (-2, 1), noise: 20, goal: 0.988),
            Pair(deltas: (1, 1), noise: 20, goal: 0.988), Pair(deltas: (1, 1), noise: 100, goal: 0.975),
            Pair(deltas: (2, -1), noise: 100, goal: 0.975),
        ])
    func meet(pair: Pair) throws {
        let rounds = 1000
        let time = Duration.milliseconds(150)
        var met = 0
        for seed in 1...UInt64(rounds) {
            func side(_ delta: Int, _ seed: UInt64) throws -> (ports: Set<UInt16>, target: UInt16) {
                var counter = Counter(delta: delta, noise: pair.noise, seed: seed)
                let sampled = counter.next(at: .zero)
                let first = try #require(sampled)
                let forecast = PortForecast(
                    after: PortForecast.sample(first), .sequential(delta: delta), noise: .exactly(pair.noise), within: time)
                let ports = forecast.guesses.indices.compactMap { counter.next(at: time + .microseconds(100 * $0)) }
                return (Set(ports), forecast.target)
            }
            let a = try side(pair.deltas.0, seed &* 2)
            let b = try side(pair.deltas.1, seed &* 2 &+ 1)
            // All of A's probes go to B's target, all of B's to A's: they meet where each owns its own.
            if a.ports.contains(a.target) && b.ports.contains(b.target) { met += 1 }
        }
        let rate = Double(met) / Double(rounds)
        print("\(pair.testDescription): \(rate)")
        let window = try #require(AimWindow(noise: pair.noise, time: time))
        let deviation = (pair.goal * (1 - pair.goal) / Double(rounds)).squareRoot()
        #expect(rate >= pair.goal - 4 * deviation, "\(rate)")
        let expected = window.probability * window.probability
        #expect(abs(rate - expected) <= 4 * (expected * (1 - expected) / Double(rounds)).squareRoot() + 0.002, "\(rate), by formula \(expected)")
    }

    @Test("aiming early in a loud burst misses more often than not")
    func early() {
        var hits = 0
        for seed in 1...UInt64(1000) {
            var counter = Counter(delta: 1, noise: 100, seed: seed)
            guard let first = counter.next(at: .zero) else { continue }
            let ports = (0..<32).compactMap { counter.next(at: .milliseconds(150) + .microseconds(100 * $0)) }
            // The index that a quiet NAT would do with.
            if ports.contains(first &+ 9) { hits += 1 }
        }
        #expect(hits < 200, "\(hits)")
    }
}
