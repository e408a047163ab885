import BodkinCore
import BodkinPrediction
import Testing

@Suite("What a handful of samples shows")
struct FewSamplesTests {
    /// Samples from (local, external) ports, one round trip apart, in turns towards the server's endpoints.
    static func estimate(_ pairs: [(Int, Int)], apart: Duration = .milliseconds(60)) -> AllocationEstimate {
        AllocationEstimate(samples(pairs, apart: apart))
    }

    static func samples(_ pairs: [(Int, Int)], apart: Duration = .milliseconds(60)) -> [AllocationSample] {
        pairs.enumerated().map { index, pair in
            AllocationSample(
                localPort: UInt16(clamping: pair.0), destination: SimulatedNetwork.servers[index % 4],
                external: Endpoint(SimulatedNetwork.external, UInt16(clamping: pair.1)), sent: apart * index,
                answered: apart * index + .milliseconds(50))
        }
    }

    @Test("nothing shows nothing")
    func nothing() {
        let estimate = AllocationEstimate([])
        #expect(estimate.allocation == .unknown && estimate.mapping == .unknown && estimate.confidence == 0 && estimate.addresses.isEmpty)
    }

    @Test("two equal ports are no accident, one may be")
    func equal() {
        #expect(Self.estimate([(5000, 5000)]).allocation == .unknown)
        #expect(Self.estimate([(5000, 5000), (7000, 7000)]).allocation == .equal)
    }

    @Test("a run alone does not tell counting from keeping differences")
    func ambiguous() {
        #expect(Self.estimate([(5000, 9000), (5001, 9001), (5002, 9002), (5003, 9003), (5004, 9004)]).allocation == .unknown)
    }

    @Test("five ports in sequence from ports that are not", arguments: [1, -1, 2, -2, 3, 7, -16])
    func sequential(delta: Int) {
        let local = [5000, 7000, 6000, 9000, 5500]
        let estimate = Self.estimate(local.enumerated().map { ($1, 20_000 + delta * $0) })
        #expect(estimate.allocation == .sequential(delta: delta), "\(estimate)")
        #expect(estimate.noise?.rate == 0)
    }

    @Test("the sequence goes round the end of the range", arguments: [1, -1, 2, -2, 5], 0..<6)
    func wrap(delta: Int, phase: Int) {
        let local = [5000, 7000, 6000, 9000, 5500, 6500]
        let ports = local.indices.map { index in
            let offset = (delta > 0 ? 64_512 - phase * delta : -phase * delta) + index * delta
            return 1024 + ((offset % 64_512) + 64_512) % 64_512
        }
        let estimate = Self.estimate(Array(zip(local, ports)))
        #expect(estimate.allocation == .sequential(delta: delta), "\(ports): \(estimate)")
    }

    @Test("others' allocations are counted: the steps beyond one's own, over the time")
    func noise() {
        // Nine steps in 0.54 s, beside four by others.
        let steps = [4, 2, 2, 6, 2, 2, 4, 2, 2]
        let local = [5000, 7000, 6000, 9000, 5500, 5900, 4000, 6600, 3000, 7500]
        let estimate = Self.estimate(local.indices.map { (local[$0], 2000 + steps[..<$0].reduce(0, +)) })
        #expect(estimate.allocation == .sequential(delta: 2), "\(estimate)")
        #expect(abs((estimate.noise?.rate ?? 0) - 4 / 0.54) < 0.01)
        #expect((estimate.noise?.bound ?? 0) > 15 && (estimate.noise?.bound ?? 0) < 17)
    }

    @Test("differences that are kept across the end of the range")
    func preservingWrap() {
        let local = [60_000, 61_500, 60_700, 62_900, 61_000]
        let estimate = Self.estimate(local.map { ($0, 1024 + ($0 - 1024 + 3500) % 64_512) })
        #expect(estimate.allocation == .preserving(shift: 3500), "\(estimate)")
        #expect(estimate.allocation.externalPort(for: 62_100) == UInt16(1024 + (62_100 - 1024 + 3500) % 64_512))
    }

    @Test("the range is as far beyond the outermost ports as these are from each other")
    func range() {
        let estimate = Self.estimate([(1, 30_000), (900, 30_090), (300, 30_010), (700, 30_070), (500, 30_040), (200, 30_055), (650, 30_082)])
        #expect(estimate.allocation == .block(29_985...30_105), "\(estimate)")
    }

    @Test("samples that contradict each other show nothing of the mapping")
    func contradiction() {
        var samples = Self.samples([(5000, 9000), (5000, 9000), (6000, 9100), (6000, 9200)])
        samples[1].destination = SimulatedNetwork.servers[2]
        samples[2].destination = SimulatedNetwork.servers[0]
        samples[3].destination = SimulatedNetwork.servers[2]
        #expect(AllocationEstimate(samples).mapping == .unknown)
    }

    @Test("nothing that a server may say traps")
    func anything() {
        for seed in 1...UInt64(60) {
            var random = SeededNumbers(seed: seed)
            let samples = (0..<Int(random.next() % 70)).map { _ in
                AllocationSample(
                    localPort: UInt16(truncatingIfNeeded: random.next()), destination: SimulatedNetwork.servers[Int(random.next() % 4)],
                    external: Endpoint(
                        IPAddress(v4: UInt32(random.next() % 3)), UInt16(truncatingIfNeeded: random.next() % (random.next() % 65_536 + 1))),
                    sent: .nanoseconds(Int64(bitPattern: random.next()) >> 20), answered: .nanoseconds(Int64(bitPattern: random.next()) >> 20))
            }
            let estimate = AllocationEstimate(samples)
            if let last = estimate.allocation.latest(of: samples) {
                _ = PortForecast(after: last, estimate.allocation, noise: .exactly(.infinity), within: .zero).guesses
                _ = PortForecast(after: last, .sequential(delta: .min), noise: .exactly(1e300), within: .seconds(1 << 40)).target
            }
            _ = TraversalEstimate(of: NATProfile(estimate), and: NATProfile(estimate))
            #expect(estimate.confidence >= 0 && estimate.confidence <= 1.000_001)
        }
    }
}

/// Numbers without pattern.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}
