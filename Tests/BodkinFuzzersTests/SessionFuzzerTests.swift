import BodkinFuzzers
import Testing

@Suite("Random session frames")
struct SessionFuzzerTests {
    @Test("hostile bytes neither trap nor break a bound")
    func run() {
        let counts = SessionFuzzer.run(count: 60_000, seed: 1)
        #expect(counts.violations == 0)
        #expect(counts.inputs == 60_000 && counts.records > 5_000 && counts.readBytes > 10_000, "\(counts)")
        #expect(counts.failedPaths > 100 && counts.endedSessions > 100, "\(counts)")
    }
}
