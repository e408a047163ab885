import BodkinCore
import BodkinPrediction
import Testing

@testable import BodkinNATLab

@Suite("Where a burst comes out")
struct PredictionAimTests {
    static func sample(local: UInt16 = 40_000, _ port: UInt16) -> AllocationSample {
        AllocationSample(
            localPort: local, destination: SimulatedNetwork.servers[0], external: Endpoint(SimulatedNetwork.external, port), sent: .zero,
            answered: .milliseconds(50))
    }

    @Test("the ports are those that the laboratory's allocator gives, round both ends of the range", arguments: [1, -1, 2, -2, 3, -7, 300])
    func allocator(delta: Int) throws {
        for seed in 1...UInt64(40) {
            for range in [1024...65_535, 1024...1100, 50_000...50_400] as [ClosedRange<UInt16>] {
                var counter = Counter(delta: delta, noise: 0, range: range, seed: seed)
                let sampled = counter.next(at: .zero)
                let first = try #require(sampled)
                let aim = try #require(
                    PredictionAim(.sequential(delta: delta), after: Self.sample(first), firingAt: .zero, noise: .exactly(0), range: range))
                let expected = (0..<aim.window.count).map(aim.port(at:))
                let found = (0..<aim.window.count).compactMap { _ in counter.next(at: .zero) }
                // A stride that comes round to where it began goes on beside it, which no small range does before it is used up.
                guard Set(expected + [first]).count == expected.count + 1 else { continue }
                #expect(found == expected, "delta \(delta), seed \(seed), \(range)")
                #expect(aim.guesses == expected && aim.target == expected[aim.window.index])
            }
        }
    }

    @Test("a NAT that counts for consecutive ports only needs those above the sample's", arguments: [40_000, 65_519, 65_520, 65_535] as [UInt16])
    func consecutive(local: UInt16) {
        let aim = PredictionAim(.dependent(delta: 1), after: Self.sample(local: local, 2000), firingAt: .zero, noise: .exactly(0))
        if local <= 65_519 {
            #expect(aim?.localPorts == local + 1...local + 16)
        } else {
            #expect(aim == nil)
        }
    }

    @Test("other kinds have no aim", arguments: [AllocationKind.equal, .preserving(shift: 3), .random(1024...65_535), .block(2048...2111), .unknown])
    func others(kind: AllocationKind) {
        #expect(PredictionAim(kind, after: Self.sample(2000), firingAt: .zero, noise: .exactly(0)) == nil)
    }

    @Test("the sample that was mapped last is the one counted furthest, round the end and downwards too")
    func latest() {
        func latest(_ delta: Int, _ ports: [UInt16]) -> UInt16? {
            let samples = ports.enumerated().map { Self.sample(local: 40_000 + UInt16($0), $1) }
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
        /// What the burst is dimensioned for, and what it is to reach.
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
                let aim = try #require(
                    PredictionAim(.sequential(delta: delta), after: Self.sample(first), firingAt: time, noise: .exactly(pair.noise)))
                let ports = (0..<aim.window.count).compactMap { counter.next(at: time + .microseconds(100 * $0)) }
                return (Set(ports), aim.target)
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

/// The laboratory's counting allocator, by itself.
struct Counter {
    private var allocator: PortAllocator
    private var random: SeededGenerator
    private var taken: Set<UInt16> = []

    init(delta: Int, noise: Double, range: ClosedRange<UInt16> = 1024...65_535, seed: UInt64) {
        random = SeededGenerator(seed: seed)
        allocator = PortAllocator(.sequential(delta: delta), ports: range, noise: noise, random: &random)
    }

    mutating func next(at time: Duration) -> UInt16? {
        let taken = taken
        let port = allocator.allocate(for: "192.168.1.10:5000", at: .start.advanced(by: time), random: &random) { !taken.contains($0) }
        if let port { self.taken.insert(port) }
        return port
    }
}
