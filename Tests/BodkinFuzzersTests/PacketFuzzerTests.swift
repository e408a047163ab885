import BodkinEmulation
import BodkinFuzzers
import Testing

@Suite("Random packets")
struct PacketFuzzerTests {
    @Test("nothing traps, contradicts itself or loses a checksum", arguments: [1, 2] as [UInt64])
    func run(seed: UInt64) {
        let count = 40_000
        let counts = PacketFuzzer.run(count: count, seed: seed)
        #expect(counts.violations == [] && counts.violationCount == 0)
        // The run has shown something.
        #expect(counts.made == count)
        #expect(counts.mutated > count / 4 && counts.mutated < count / 2)
        #expect(counts.parsed > count / 2 && counts.parsed < count)
        #expect(counts.errors > count / 50 && counts.fragments > count / 50)
        #expect(counts.passed > count / 10 && counts.turnedBack > 5)
        #expect(counts.delivered > count / 10 && counts.verified > count / 10 && counts.faults > 20)
        for reason in NATVerdict.Reason.allCases { #expect(counts.refused[reason, default: 0] > 0, "nothing was refused as \(reason)") }
    }

    @Test("one seed, one run; another seed, another")
    func seeded() {
        let first = PacketFuzzer.run(count: 2000, seed: 3)
        #expect(first == PacketFuzzer.run(count: 2000, seed: 3))
        #expect(first != PacketFuzzer.run(count: 2000, seed: 4))
    }

    @Test("nothing is made of nothing", arguments: [0, -1])
    func none(count: Int) { #expect(PacketFuzzer.run(count: count, seed: 1).made == 0) }
}
