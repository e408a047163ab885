import BodkinFuzzers
import BodkinProtocols
import Testing

@Suite("Random rendezvous messages")
struct RendezvousFuzzerTests {
    @Test("nothing traps, is believed without a signature, or exceeds a bound", arguments: [1, 2] as [UInt64])
    func run(seed: UInt64) {
        let count = 6_000
        let counts = RendezvousFuzzer.run(count: count, seed: seed)
        #expect(counts.violations == [] && counts.violationCount == 0)
        // The run has shown something.
        #expect(counts.made == count && counts.mutated > count / 3 && counts.garbage > count / 8)
        #expect(counts.read > count && counts.actions > count / 8 && counts.endings > count / 50)
        #expect(counts.cards > count / 20 && counts.candidates > count / 20 && counts.urls > count / 100)
        for reason in [EnvelopeFraming.Failure.malformed, .tooLarge] { #expect(counts.refused[reason, default: 0] > count / 50, "\(reason)") }
        for reason in [Card.Refusal.malformed, .signature, .foreign, .server, .expired] {
            #expect(counts.refusedCards[reason, default: 0] > count / 200, "\(reason)")
        }
    }

    @Test("one seed, one run; another seed, another")
    func seeded() {
        let first = RendezvousFuzzer.run(count: 300, seed: 3)
        #expect(first == RendezvousFuzzer.run(count: 300, seed: 3))
        #expect(first != RendezvousFuzzer.run(count: 300, seed: 4))
    }
}
