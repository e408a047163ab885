import BodkinNATLab
import Glibc

// bodkin-bench                            every figure, the server's with fewer peers and a shorter time
// bodkin-bench server [PEERS] [DIALS/s]   the server's alone: 5 000 peers, 500 dials a second for 20 s
// bodkin-bench upgrade                    the pause when a connection at full speed moves to the direct path
// bodkin-bench survival [MIB] [DEATHS] [SEED] [dialer | called] [events]
//                                         a conversation whose path is killed: 1 024 MiB each way, or from one side alone, and 40 deaths
// bodkin-bench pause [COUNT] [NAT/NAT…] [INCIDENT…] [dialer | called] [writer=called] [events]
//                                         the longest pause of a line every 100 ms for each incident on either side: 20 times each, an hour
// bodkin-bench goodput [MIB] [ROUNDS]     a direct path over loopback beside plain TLS, socat and iperf3: 256 MiB, 5 rounds
// bodkin-bench links [SECONDS] [ROUNDS] [far | satellite | lossy | slow] [direct | circuit] [dialer | called]
//                                         transfers over links of the lab beside plain TCP: 10 s, 3 rounds, all
// bodkin-bench circuits-goodput [MIB] [ROUNDS]
//                                         a circuit beside a splice by socat and coturn's TCP relay: 256 MiB, 5 rounds
// bodkin-bench circuits [PAIRS]           5 000 circuits at once between 10 000 peers, and the server's memory
// bodkin-bench peers [PEERS]              the memory of idle peers and of connections: 50
// bodkin-bench soak [SECONDS]             connects, deaths and closes for 600 s, and whether memory and descriptors stay level
// bodkin-bench field [MINUTES] [SEED]     'bodkin listen' while everything around it misbehaves, and a dial a second: 60 min, any seed
// bodkin-bench attack [SECONDS] [ATTACKERS] [ATTACK…]
//                                         an honest pair dials while a server is attacked: 20 s, by 1, 8 and 32 attackers, each attack
// bodkin-bench rivals [REPEATS]           beside warpgate and p2pd, from PyPI, between the same NATs: 5 rounds, ten minutes

/// Figures of the lab and of the server, each with its target. Absolute times drift on shared machines: medians of several runs, in one process.
let arguments = CommandLine.arguments.dropFirst()
let header = "kernel \(Lab.kernelRelease), \(sysconf(Int32(_SC_NPROCESSORS_ONLN))) processors, seed \(TableBenchmark.seed)\n"
do {
    switch arguments.first {
    case nil:
        print(header)
        TableBenchmark.run()
        try await LabBenchmark.run()
        if try await !ServerBenchmark(peers: 1_000, seconds: 5, pause: .seconds(2)).run() { exit(1) }
    case "server":
        var numbers = BenchmarkArguments(arguments.dropFirst(), of: "server", ("PEERS", 2...100_000), ("DIALS/s", 2...100_000))
        var benchmark = ServerBenchmark()
        benchmark.peers = numbers.next() ?? benchmark.peers
        benchmark.rate = numbers.next().map { Double($0) } ?? benchmark.rate
        print(header)
        if try await !benchmark.run() { exit(1) }
    case "upgrade":
        print(header)
        if try await !UpgradeBenchmark.run() { exit(1) }
    case "survival":
        print(header)
        if try await !SurvivalBenchmark(Array(arguments.dropFirst())).run() { exit(1) }
    case "pause":
        print(header)
        if try await !PauseBenchmark(Array(arguments.dropFirst())).run() { exit(1) }
    case "goodput":
        var numbers = BenchmarkArguments(arguments.dropFirst(), of: "goodput", ("MIB", 8...65_536), ("ROUNDS", 1...1_000))
        var benchmark = GoodputBenchmark()
        benchmark.byteCount = numbers.next().map { $0 << 20 } ?? benchmark.byteCount
        benchmark.rounds = numbers.next() ?? benchmark.rounds
        print(header)
        if try await !benchmark.run() { exit(1) }
    case "links":
        print(header)
        if try await !LinkBenchmark(Array(arguments.dropFirst())).run() { exit(1) }
    case "circuits-goodput":
        var numbers = BenchmarkArguments(arguments.dropFirst(), of: "circuits-goodput", ("MIB", 8...65_536), ("ROUNDS", 1...1_000))
        var benchmark = CircuitGoodputBenchmark()
        benchmark.byteCount = numbers.next().map { $0 << 20 } ?? benchmark.byteCount
        benchmark.rounds = numbers.next() ?? benchmark.rounds
        print(header)
        try await benchmark.run()
    case "circuits":
        var numbers = BenchmarkArguments(arguments.dropFirst(), of: "circuits", ("PAIRS", 1...50_000))
        var benchmark = CircuitsBenchmark()
        benchmark.pairs = numbers.next() ?? benchmark.pairs
        print(header)
        if try await !benchmark.run() { exit(1) }
    case "peers":
        var numbers = BenchmarkArguments(arguments.dropFirst(), of: "peers", ("PEERS", 1...60))
        var benchmark = PeerMemoryBenchmark()
        benchmark.peers = numbers.next() ?? benchmark.peers
        print(header)
        try await benchmark.run()
    case "soak":
        var numbers = BenchmarkArguments(arguments.dropFirst(), of: "soak", ("SECONDS", 40...86_400))
        var benchmark = SoakBenchmark()
        benchmark.seconds = numbers.next() ?? benchmark.seconds
        print(header)
        if try await !benchmark.run() { exit(1) }
    case "field":
        var numbers = BenchmarkArguments(arguments.dropFirst(), of: "field", ("MINUTES", 1...1_440), ("SEED", 0...Int.max))
        var benchmark = FieldBenchmark()
        benchmark.minutes = numbers.next() ?? benchmark.minutes
        benchmark.seed = numbers.next().map { UInt64($0) } ?? benchmark.seed
        print(header)
        if try await !benchmark.run() { exit(1) }
    case "rivals":
        var numbers = BenchmarkArguments(arguments.dropFirst(), of: "rivals", ("REPEATS", 1...1_000))
        var benchmark = RivalsBenchmark()
        benchmark.repeats = numbers.next() ?? benchmark.repeats
        print(header)
        if try await !benchmark.run() { exit(1) }
    case "attack":
        var benchmark = AttackBenchmark()
        let numbers = arguments.dropFirst().compactMap { Int($0) }
        let attacks = arguments.dropFirst().filter { Int($0) == nil }.map { Attack(rawValue: $0) }
        guard numbers.count <= 2, numbers.allSatisfy({ (1...10_000).contains($0) }), attacks.allSatisfy({ $0 != nil }) else {
            print("usage: bodkin-bench attack [SECONDS] [ATTACKERS] [ATTACK…]; attacks: \(Attack.allCases.map(\.rawValue).joined(separator: ", "))")
            exit(EX_USAGE)
        }
        benchmark.seconds = numbers.first ?? benchmark.seconds
        if numbers.count > 1 { benchmark.counts = [numbers[1]] }
        if !attacks.isEmpty { benchmark.attacks = attacks.compactMap { $0 } }
        print(header)
        if try await !benchmark.run() { exit(1) }
    case Attackers.command: try await Attackers.run(Array(arguments.dropFirst()))
    case LoadedServer.command:
        var numbers = BenchmarkArguments(arguments.dropFirst(), of: LoadedServer.command, ("PEERS", 0...1_000_000), ("CIRCUITS", 0...1_000_000))
        try await LoadedServer.serve(peers: numbers.next() ?? 0, circuits: numbers.next())
    case let other?:
        print(
            "'\(other)' is no benchmark: leave it out for all, or say server, upgrade, survival, pause, goodput, links,",
            "circuits-goodput, circuits, peers, soak, field, attack or rivals"
        )
        exit(EX_USAGE)
    }
} catch let error as LabError {
    print("\(error.message)")
    exit(error.exitStatus)
} catch {
    print("the benchmark has ended early: \(error)")
    exit(EX_SOFTWARE)
}
