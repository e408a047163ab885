import BodkinNATLab
import Glibc

// bodkin-bench                            every figure, the server's with fewer peers and a shorter time
// bodkin-bench server [PEERS] [DIALS/s]   the server's alone: 5 000 peers, 500 dials a second for 20 s

/// Figures of the laboratory and of the server, each with its target. Absolute times drift on shared machines: medians of several runs, in one process.
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
        var benchmark = ServerBenchmark()
        let numbers = arguments.dropFirst().map { Int($0) ?? 0 }
        guard numbers.count <= 2, numbers.allSatisfy({ (2...100_000).contains($0) }) else {
            print("usage: bodkin-bench server [PEERS] [DIALS/s], each from 2 to 100000")
            exit(EX_USAGE)
        }
        if let peers = numbers.first { benchmark.peers = peers }
        if let rate = numbers.dropFirst().first { benchmark.rate = Double(rate) }
        print(header)
        if try await !benchmark.run() { exit(1) }
    case LoadedServer.command: try await LoadedServer.serve(peers: arguments.last.flatMap { Int($0) } ?? 0)
    case let other?:
        print("'\(other)' is no benchmark: leave it out for all, or say server [PEERS] [DIALS/s]")
        exit(EX_USAGE)
    }
} catch let error as LabError {
    print("\(error.message)")
    exit(error.exitStatus)
} catch {
    print("the benchmark has ended early: \(error)")
    exit(EX_SOFTWARE)
}
