import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinPairs
import BodkinPrediction
import Testing

@Suite("Pairs of networks and what arithmetic says of them")
struct NATPairTests {
    private static func pair(_ a: String, _ b: String) throws -> NATPair {
        NATPair(try #require(AccessNetwork(rawValue: a)), try #require(AccessNetwork(rawValue: b)))
    }

    @Test("six symmetric presets make 93 pairs, with each other and with the twelve of tier 1; 27 configurations make 378")
    func catalogue() {
        #expect(NATPair.presets.count == 6 * 12 + 6 * 7 / 2 && NATPair.configurations.count == 27 * 28 / 2)
        for pairs in [NATPair.presets, NATPair.configurations] {
            #expect(Set(pairs.map { Set([$0.a, $0.b]) }).count == pairs.count)
            #expect(pairs.allSatisfy { $0.forecast.feasibility != .unknown })
        }
        #expect(NATPair.presets.allSatisfy { pair in NATPair.symmetric.contains { .preset($0) == pair.a } })
        #expect(NATPair.presets.allSatisfy { $0.a.preset != .only443 && $0.b.preset != .only443 })
    }

    @Test(
        "the verdict is in words, with what each side does",
        arguments: [
            ("port-restricted", "masquerade", "certain: 1 SYN at the port seen from each side"),
            ("symmetric-random", "symmetric-random", "impossible (unpredictable)"),
            ("blocked/equal", "blocked/random", "impossible (no-crossing)"),
            (
                "symmetric-random", "port-restricted-rst",
                "likely, 99.9 % a round: 512 SYNs at the known port against 896 guesses from the reserved port, the second side first"
            ),
            ("symmetric-block", "symmetric-block", "likely, 21.1 % a round: 235 SYNs at one port of the block from each side"),
            (
                "port-restricted", "symmetric/dependent",
                "likely, 100.0 % a round: 16 guesses from the reserved port against 1 SYN at the known port, the first side first"
            ),
            ("symmetric/preserving", "open", "certain: 1 SYN at the port seen from each side"),
        ])
    func words(a: String, b: String, words: String) throws {
        #expect(try Self.pair(a, b).forecast.words == words)
    }

    @Test("rounds add up: what misses one may be met by the next")
    func rounds() {
        let blocks = Feasibility.likely(probability: 0.25, probes: 256)
        #expect(blocks.probability(rounds: 0) == 0 && blocks.probability(rounds: 1) == 0.25 && blocks.probability(rounds: 2) == 0.4375)
        #expect(Feasibility.certain.probability(rounds: 1) == 1 && Feasibility.impossible(.budget).probability(rounds: 2) == 0)
        #expect(Feasibility.unknown.probability(rounds: 1) == nil)
    }

    @Test("the outermost NAT that changes ports decides which, the strictest one who gets in")
    func nested() {
        let address = IPAddress(v4: 0xCB00_7101)
        let inner = NATPreset.symmetricSequential.layers
        let keeping = NATProfile(told: inner + NATPreset.fullCone.layers, address: address)
        #expect(keeping.allocation == .sequential(delta: 1) && keeping.mapping == .addressAndPortDependent)
        #expect(keeping.filtering == .addressAndPortDependent && keeping.isNested == true)
        let drawing = NATProfile(told: inner + NATPreset.randomCone.layers, address: address)
        #expect(drawing.allocation == .random(1024...65535) && drawing.mapping == .addressAndPortDependent)
        let firewalled = NATProfile(told: NATPreset.masquerade.layers + NATPreset.firewall.layers, address: address)
        #expect(firewalled.allocation == .equal && firewalled.mapping == .endpointIndependent && firewalled.isNested == false)
    }

    @Test("a cell is direct where anything can come of it, and leads to the same network from either side")
    func cells() throws {
        #expect(try Self.pair("symmetric-random", "symmetric-random").cell.route == .circuit)
        let pair = try Self.pair("symmetric/independent", "cgn")
        #expect(pair.cell.route == .direct && pair.cell.name == "symmetric/independent + cgn")
        let (there, back) = (pair.cell.topology(LinkParameters(), 7), pair.reversed.cell.topology(LinkParameters(), 7))
        #expect(there.box("carrier-b") != nil && back.box("carrier-a") != nil && back.box("nat-b")?.parameters == there.box("nat-a")?.parameters)
    }
}
