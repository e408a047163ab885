import BodkinCore
import BodkinPrediction
import Testing

@testable import BodkinEmulation

@Suite("From samples to a meeting")
struct MeetingTests {
    /// One side: it looks at its NAT, samples it once more, and fires a burst 150 ms later.
    struct Side {
        let target: UInt16
        let owned: Set<UInt16>

        /// Nil where the NAT is not recognised.
        init?(_ preset: NATPreset, seed: UInt64) {
            var network = SimulatedNetwork(preset.layers, seed: seed)
            let estimate = network.quickEstimate()
            network.now += .seconds(5)
            let samples = network.run(.fresh(towards: SimulatedNetwork.servers), base: 30_000)
            guard let latest = estimate.allocation.latest(of: samples) else { return nil }
            let start = latest.sent + .milliseconds(150)
            let forecast = PortForecast(after: latest, estimate.allocation, noise: estimate.noise, within: .milliseconds(150))
            guard case .sequential(_, let count, _) = forecast.ports else { return nil }
            var owned: Set<UInt16> = []
            for index in 0..<count {
                network.now = start + .microseconds(100 * index)
                if let external = network.external(of: 30_002 + UInt16(index), towards: "203.0.113.2:4000") { owned.insert(external.port) }
            }
            target = forecast.target
            self.owned = owned
        }
    }

    @Test(
        "two networks that count meet in nearly every round, with nothing known beforehand",
        arguments: [
            (NATPreset.symmetricSequential, NATPreset.symmetricSequential, 0.99), (.symmetricNoisy, .symmetricNoisy, 0.97),
            (.symmetricDependent, .symmetricDependent, 0.99), (.symmetricNoisy, .symmetricDependent, 0.97),
        ])
    func meet(a: NATPreset, b: NATPreset, goal: Double) {
        let rounds = 100 * Repeats.factor
        var met = 0
        for seed in 1...UInt64(rounds) {
            let first = Side(a, seed: seed &* 2)
            let second = Side(b, seed: seed &* 2 &+ 1)
            if let first, let second, first.owned.contains(first.target), second.owned.contains(second.target) { met += 1 }
        }
        let rate = Double(met) / Double(rounds)
        print("\(a.rawValue) with \(b.rawValue): \(rate)")
        #expect(rate >= goal - 4 * (goal * (1 - goal) / Double(rounds)).squareRoot(), "\(rate)")
    }

    /// A network whose block is known from one quick look: its estimate, and the ports of a burst.
    static func block(_ preset: NATPreset, seed: UInt64, open: (Int) -> Int) -> (range: ClosedRange<UInt16>, owned: Set<UInt16>)? {
        var network = SimulatedNetwork(preset.layers, seed: seed)
        guard case .block(let range) = network.quickEstimate().allocation else { return nil }
        network.now += .seconds(300)
        let ports = (0..<open(range.count)).compactMap { network.external(of: 40_000 + UInt16($0), towards: "203.0.113.2:4000")?.port }
        return (range, Set(ports))
    }

    @Test("a block that is inferred from samples is found with few probes", arguments: [NATPreset.symmetricBlock, .cgnBlock])
    func blockSearch(preset: NATPreset) {
        let rounds = 200 * Repeats.factor
        var (met, spent) = (0, 0)
        for seed in 1...UInt64(rounds) {
            var random = SeededGenerator(seed: seed)
            guard let block = Self.block(preset, seed: seed, open: { $0 / 8 }) else { continue }
            let count = Collision.guesses(open: block.range.count / 8, range: block.range.count, goal: 0.9999, limit: 1024)
            spent = max(spent, count)
            if !block.owned.isDisjoint(with: PortGuesses.draw(count, from: block.range, using: &random)) { met += 1 }
        }
        let rate = Double(met) / Double(rounds)
        print("\(preset.rawValue) and a known port: \(rate), at most \(spent) guesses")
        #expect(rate >= 0.95 && spent < 100, "\(rate), \(spent)")
    }

    @Test("half of each of two blocks meets in about one round of four")
    func halves() {
        let rounds = 250 * Repeats.factor
        var met = 0
        for seed in 1...UInt64(rounds) {
            var random = SeededGenerator(seed: seed)
            let sides = [seed &* 2, seed &* 2 &+ 1].compactMap { Self.block(.symmetricBlock, seed: $0, open: { $0 / 2 }) }
            // Each side's whole burst goes to one port that the other side may own.
            if sides.count == 2, sides.allSatisfy({ $0.owned.contains(PortGuesses.single(from: $0.range, using: &random)) }) { met += 1 }
        }
        let rate = Double(met) / Double(rounds)
        print("two halves of blocks: \(rate)")
        #expect(abs(rate - 0.25) <= 4 * (0.25 * 0.75 / Double(rounds)).squareRoot() + 0.01, "\(rate)")
    }

    @Test("one probe of a counting NAT comes out where a side with a known port guesses", arguments: [0.0, 20, 100])
    func single(noise: Double) throws {
        var met = 0
        for seed in 1...UInt64(500) {
            var counter = Counter(delta: -3, noise: noise, seed: seed)
            let sampled = counter.next(at: .zero)
            let sample = PortForecast.sample(try #require(sampled))
            let start = Duration.milliseconds(150)
            let forecast = PortForecast(after: sample, .sequential(delta: -3), noise: .exactly(noise), within: start)
            if let port = counter.next(at: start), forecast.guesses.contains(port) { met += 1 }
        }
        #expect(met >= 497, "\(met) of 500")
    }
}
