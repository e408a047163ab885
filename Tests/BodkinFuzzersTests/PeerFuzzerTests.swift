import BodkinFuzzers
import Testing

@Suite("A hostile server, and hostile remote peers")
struct PeerFuzzerTests {
    @Test("a peer neither traps nor exceeds a bound, comes back to its server, and leaves nothing behind", arguments: [1, 2] as [UInt64])
    func run(seed: UInt64) throws {
        let count = 3_000
        let counts = try PeerFuzzer.run(count: count, seed: seed)
        #expect(counts.violations == [] && counts.violationCount == 0)
        // The run has shown something.
        #expect(counts.inputs == count && counts.frames > count / 20 && counts.mutated > count / 120 && counts.peers > 1, "\(counts)")
        #expect(counts.links > 10 && counts.registrations > 10 && counts.dials > 50 && counts.accepted > 30, "\(counts)")
        #expect(counts.circuits + counts.directPaths > 20 && counts.opened > 20 && counts.mostSessions > 2, "\(counts)")
    }
}
