import BodkinNATLab

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

// bodkin-fuzz [COUNT] [SEED]: random packets through the laboratory's pure half; exit status 1 where something did not hold.
let arguments = CommandLine.arguments.dropFirst().map { UInt64($0) }
let count = arguments.first ?? 1_000_000
let seed = arguments.dropFirst().first ?? 1
guard let count, let seed, arguments.count <= 2, count <= UInt64(Int.max) else {
    print("usage: bodkin-fuzz [COUNT] [SEED], both whole numbers")
    exit(64)
}
let clock = ContinuousClock()
let start = clock.now
let counts = PacketFuzzer.run(count: Int(count), seed: seed)
print(counts)
print("seed \(seed), \(clock.now - start)")
exit(counts.violationCount == 0 ? 0 : 1)
