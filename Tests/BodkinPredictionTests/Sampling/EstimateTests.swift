import BodkinCore
import BodkinPrediction
import Testing

@testable import BodkinEmulation

@Suite("What samples show of a NAT")
struct EstimateTests {
    static let noises = [0.0, 5, 20, 100]

    /// The networks that can be told apart, by name.
    static let networks: [(name: String, layers: [NATParameters])] = {
        var result: [(name: String, layers: [NATParameters])] = []
        for configuration in NATConfiguration.allCases where !result.contains(where: { $0.layers == configuration.layers }) {
            result.append((configuration.rawValue, configuration.layers))
        }
        for preset in NATPreset.allCases where preset != .only443 && !result.contains(where: { $0.layers == preset.layers }) {
            result.append((preset.rawValue, preset.layers))
        }
        return result
    }()

    struct Network: Sendable, CustomTestStringConvertible {
        let name: String
        let layers: [NATParameters]
        var testDescription: String { name }
    }

    /// The least share that one quick look has to get right.
    static func goal(_ truth: Truth, _ order: SimulatedNetwork.Order) -> Double {
        switch (truth.word, order) {
        case ("equal", _), ("preserving", _): 1
        case ("sequential", .kept): 0.99
        default: 0.95
        }
    }

    @Test(
        "each configuration and preset is recognised by one quick look, with and without noise, and never taken for another",
        arguments: networks.map { Network(name: $0.name, layers: $0.layers) })
    func recognised(network: Network) {
        let truth = Truth(network.layers)
        for noise in Self.noises {
            let layers = network.layers.map { box in
                var box = box
                box.backgroundNoise = max(noise, box.backgroundNoise)
                return box
            }
            var right = 0
            for seed in 1...UInt64(Repeats.perCell) {
                var simulated = SimulatedNetwork(layers, seed: seed &* 7919 &+ UInt64(noise))
                let estimate = simulated.quickEstimate()
                let verdict = truth.verdict(on: estimate)
                #expect(verdict != .wrong, "\(network.name), noise \(noise), seed \(seed): \(estimate)")
                #expect(estimate.mapping == truth.mapping, "\(network.name), noise \(noise), seed \(seed): \(estimate)")
                if verdict == .right { right += 1 }
            }
            let share = Double(right) / Double(Repeats.perCell)
            if Repeats.isVerbose { print("\(network.name) noise \(noise): \(share)") }
            #expect(share >= Self.goal(truth, .kept), "\(network.name), noise \(noise): right \(share)")
        }
    }

    @Test("of NATs drawn at random none is taken for another, whatever order the SYNs arrive in", arguments: SimulatedNetwork.Order.allCases)
    func drawn(order: SimulatedNetwork.Order) {
        var table = ConfusionTable()
        var (right, mapped) = (0, 0)
        for seed in 1...UInt64(Repeats.drawn) {
            var random = SeededGenerator(seed: seed)
            let box = DrawnNAT(&random).parameters
            let truth = Truth([box])
            var simulated = SimulatedNetwork([box], seed: seed ^ 0xA5A5)
            let estimate = simulated.quickEstimate(order: order)
            let verdict = truth.verdict(on: estimate)
            #expect(verdict != .wrong, "seed \(seed): \(box.tcp) \(box.ports), noise \(box.backgroundNoise): \(estimate)")
            table.note(truth.word, estimate.allocation.word)
            if verdict == .right { right += 1 }
            if estimate.mapping == truth.mapping { mapped += 1 } else { #expect(estimate.mapping == .unknown, "seed \(seed): \(estimate)") }
        }
        print("\(order.rawValue): right \(right), mapping right \(mapped), of \(Repeats.drawn)\n\(table)")
        let goal = order == .shuffled ? 0.6 : 0.95
        #expect(Double(right) >= goal * Double(Repeats.drawn), "right \(right) of \(Repeats.drawn)")
    }

    @Test("a thorough look settles what a quick one leaves open")
    func thorough() {
        var (quick, both) = (0, 0)
        let count = Repeats.drawn / 4
        for seed in 1...UInt64(count) {
            var random = SeededGenerator(seed: seed &+ 1 << 32)
            let box = DrawnNAT(&random).parameters
            let truth = Truth([box])
            var first = SimulatedNetwork([box], seed: seed)
            if truth.verdict(on: first.quickEstimate(order: .shuffled)) == .right { quick += 1 }
            var second = SimulatedNetwork([box], seed: seed)
            let estimate = second.quickEstimate(order: .shuffled, isThorough: true)
            let verdict = truth.verdict(on: estimate)
            #expect(verdict != .wrong, "seed \(seed): \(box.tcp) \(box.ports), noise \(box.backgroundNoise): \(estimate)")
            if verdict == .right { both += 1 }
        }
        print("quick \(quick), thorough \(both) of \(count)")
        #expect(both > quick && Double(both) >= 0.9 * Double(count), "quick \(quick), thorough \(both) of \(count)")
    }

    @Test("where one probe in ten is lost, less is known, and nothing wrong")
    func loss() {
        var right = 0
        let count = Repeats.drawn / 2
        for seed in 1...UInt64(count) {
            var random = SeededGenerator(seed: seed &+ 1 << 40)
            let box = DrawnNAT(&random).parameters
            let truth = Truth([box])
            var simulated = SimulatedNetwork([box], seed: seed)
            let estimate = simulated.quickEstimate(loss: 0.1)
            let verdict = truth.verdict(on: estimate)
            #expect(verdict != .wrong, "seed \(seed): \(box.tcp) \(box.ports), noise \(box.backgroundNoise): \(estimate)")
            #expect([truth.mapping, .unknown].contains(estimate.mapping), "seed \(seed): \(estimate)")
            if verdict == .right { right += 1 }
        }
        print("one in ten lost: right \(right) of \(count)")
        #expect(Double(right) >= 0.9 * Double(count), "right \(right) of \(count)")
    }

    @Test("the noise is measured without bias, and its bound is one", arguments: [0.0, 5, 20, 100])
    func noise(told: Double) {
        var (sum, bounded) = (0.0, 0)
        let count = Repeats.drawn / 4
        var box = NATParameters()
        box.tcp.mapping = .addressAndPortDependent
        box.tcp.allocation = .sequential(delta: -2)
        box.backgroundNoise = told
        for seed in 1...UInt64(count) {
            var simulated = SimulatedNetwork([box], seed: seed)
            let noise = simulated.quickEstimate().noise ?? NoiseEstimate(rate: 0, bound: 0)
            sum += noise.rate
            if noise.bound >= told { bounded += 1 }
        }
        let mean = sum / Double(count)
        print("noise \(told): mean \(mean), bounded \(Double(bounded) / Double(count))")
        // A look lasts about a tenth of a second, so that one estimate deviates by the square root of ten times the rate.
        #expect(abs(mean - told) <= 4 * (10 * told / Double(count)).squareRoot() + 0.05 * told + 0.01, "mean \(mean)")
        #expect(Double(bounded) >= 0.95 * Double(count), "bounded \(bounded) of \(count)")
    }

    @Test("a pool of addresses shows where mappings are not paired, and disturbs nothing else", arguments: Mapping.allCases)
    func pools(mapping: Mapping) {
        for seed in 1...UInt64(50) {
            for (pool, isArbitrary) in [(AddressPool.single, false), (.paired(4), false), (.arbitrary(4), true)] {
                var box = NATParameters()
                box.tcp.mapping = mapping
                box.tcp.allocation = .sequential(delta: 1)
                box.pool = pool
                var simulated = SimulatedNetwork([box], seed: seed)
                let estimate = simulated.quickEstimate()
                let profile = NATProfile(estimate)
                #expect(estimate.allocation == .sequential(delta: 1), "seed \(seed): \(estimate)")
                #expect(profile.hasSeveralAddresses == isArbitrary, "seed \(seed), \(pool): \(estimate)")
                if !isArbitrary || mapping != .addressAndPortDependent { continue }
                #expect(estimate.mapping == .addressAndPortDependent, "seed \(seed): \(estimate)")
            }
        }
    }
}
