import BodkinFuzzers

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

// bodkin-fuzz [COUNT] [SEED] [FUZZER ...]: COUNT hostile inputs for each of these fuzzers, or for all. The exit status is 1 if something did not hold.
let fuzzers: [(name: String, run: (Int, UInt64) throws -> (counts: Any, violations: Int))] = [
    (
        "packets",
        {
            let counts = PacketFuzzer.run(count: $0, seed: $1); return (counts, counts.violationCount)
        }
    ),
    (
        "stun",
        {
            let counts = STUNFuzzer.run(count: $0, seed: $1); return (counts, counts.violationCount)
        }
    ),
    (
        "session",
        {
            let counts = SessionFuzzer.run(count: $0, seed: $1); return (counts, counts.violations)
        }
    ),
    (
        "rendezvous",
        {
            let counts = RendezvousFuzzer.run(count: $0, seed: $1); return (counts, counts.violationCount)
        }
    ),
    (
        "peer",
        {
            let counts = try PeerFuzzer.run(count: $0, seed: $1); return (counts, counts.violationCount)
        }
    ),
]
let arguments = CommandLine.arguments.dropFirst()
let numbers = arguments.prefix(2).prefix { $0.first?.isNumber == true }
let names = arguments.dropFirst(numbers.count)
let parsed = numbers.map { UInt64($0) }
guard let count = parsed.first ?? 1_000_000, let seed = parsed.dropFirst().first ?? 1, count <= UInt64(Int.max),
    names.allSatisfy({ name in fuzzers.contains { $0.name == name } })
else {
    print("usage: bodkin-fuzz [COUNT] [SEED] [FUZZER ...], two whole numbers, and fuzzers of: \(fuzzers.map(\.name).joined(separator: ", "))")
    exit(64)
}

var violationCount = 0
for fuzzer in fuzzers where names.isEmpty || names.contains(fuzzer.name) {
    let start = ContinuousClock.now
    do {
        let (counts, violations) = try fuzzer.run(Int(count), seed)
        let time = ContinuousClock.now - start
        print("\(fuzzer.name): seed \(seed), \(time), \(Int(Double(count) / max(time / .seconds(1), 0.001))) inputs/s\n\(counts)")
        violationCount += violations
    } catch {
        print("\(fuzzer.name): \(error)")
        violationCount += 1
    }
}
exit(violationCount == 0 ? 0 : 1)
