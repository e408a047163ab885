import BodkinFuzzers

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

// bodkin-fuzz [COUNT] [SEED]: random packets through the laboratory's pure half, random STUN messages, session frames and rendezvous messages through
// the protocols, COUNT of each; exit status 1 where something did not hold.
let arguments = CommandLine.arguments.dropFirst().map { UInt64($0) }
let count = arguments.first ?? 1_000_000
let seed = arguments.dropFirst().first ?? 1
guard let count, let seed, arguments.count <= 2, count <= UInt64(Int.max) else {
    print("usage: bodkin-fuzz [COUNT] [SEED], both whole numbers")
    exit(64)
}

/// Runs one fuzzer, prints what it counted, and returns how much did not hold.
func fuzz<Counts>(_ name: String, _ run: (Int, UInt64) -> Counts, violations: (Counts) -> Int) -> Int {
    let start = ContinuousClock.now
    let counts = run(Int(count), seed)
    print("\(name): seed \(seed), \(ContinuousClock.now - start)\n\(counts)")
    return violations(counts)
}

let violationCount =
    fuzz("packets", PacketFuzzer.run) { $0.violationCount }
    + fuzz("STUN", STUNFuzzer.run) { $0.violationCount }
    + fuzz("session frames", SessionFuzzer.run) { $0.violations }
    + fuzz("rendezvous", RendezvousFuzzer.run) { $0.violationCount }
exit(violationCount == 0 ? 0 : 1)
