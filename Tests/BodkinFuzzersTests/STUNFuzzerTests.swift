import BodkinFuzzers
import BodkinProtocols
import Testing

@Suite("Random STUN messages")
struct STUNFuzzerTests {
    @Test("nothing traps, reads differently or believes a forgery", arguments: [1, 2] as [UInt64])
    func run(seed: UInt64) {
        let count = 10_000
        let counts = STUNFuzzer.run(count: count, seed: seed)
        #expect(counts.violations == [] && counts.violationCount == 0)
        // The run has shown something.
        #expect(counts.made == count && counts.mutated > count / 3 && counts.garbage > count / 8)
        #expect(counts.parsed > count / 4 && counts.parsed < count * 3 / 4)
        #expect(counts.values > count / 4 && counts.malformed > count / 100)
        #expect(counts.framed > count && counts.proved > count / 100)
        for code in [0, 400, 401, 420] { #expect(counts.answers[code, default: 0] > count / 100, "few answers of \(code)") }
        for reason in STUNError.Code.allCases { #expect(counts.refused[reason, default: 0] > 0, "nothing was refused as \(reason)") }
    }

    @Test("one seed, one run; another seed, another")
    func seeded() {
        let first = STUNFuzzer.run(count: 500, seed: 3)
        #expect(first == STUNFuzzer.run(count: 500, seed: 3))
        #expect(first != STUNFuzzer.run(count: 500, seed: 4))
    }
}
