import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import Glibc
import NIOCore
import Synchronization

/// Attacks on a server with its default quotas, while an honest pair dials all the while.
struct AttackBenchmark {
    /// How long each attack lasts, and how many attackers there are.
    var seconds = 20
    var counts = [1, 8, 32]
    var attacks = Attack.allCases
    /// After the attack, until memory and descriptors are compared.
    var rest = Duration.seconds(10)

    /// The 99th percentile of the honest pair's dials, in milliseconds.
    private static let latencyLimit = 1_000.0
    /// What a server with its defaults may take: 512 MiB of buffers, 64 MiB of its own, and 36 KiB for each of 2 048 unauthenticated clients and 8 192 peers.
    private static let memoryBudget = 936 << 20

    /// Runs it and prints a line for each cell; false where any has failed.
    func run() async throws -> Bool {
        print(
            "\na server with its default quotas, \(seconds) s of each attack; honest dials: a new peer, registered, connected by a circuit, a byte echoed;",
            "attackers are a process of niceness \(Attackers.niceness); the machine's load before: \(KernelFigures.load)")
        print("limits: p99 below 1 s, memory below \(Self.memoryBudget >> 20) MiB, and back to within a tenth (and 16 MiB) after \(rest)")
        var isGood = true
        for attack in attacks {
            print("\(attack.rawValue) (\(attack.role.rawValue)): \(attack.words)")
            for count in counts { isGood = try await cell(attack, count) && isGood }
        }
        return isGood
    }

    private func cell(_ attack: Attack, _ count: Int) async throws -> Bool {
        let server = try LoadedServer(peers: 0)
        defer { server.end() }
        return try await HonestPair.with(server.url) { pair in
            let undisturbed = await pair.dial(for: .seconds(max(2, seconds / 4)))
            let before = ProcessFigures(of: server.process)
            let url = attack.role == .stranger ? server.url : server.attackerURL
            let process = try Self.start(attack, count, seconds, url, pair.target)
            let most = Mutex((resident: 0, descriptors: 0))
            let watch = Task {
                while !Task.isCancelled {
                    let now = ProcessFigures(of: server.process)
                    most.withLock { $0 = (max($0.resident, now.resident), max($0.descriptors, now.descriptors)) }
                    try? await Task.sleep(for: .milliseconds(250))
                }
            }
            let times = await pair.dial(for: .seconds(seconds))
            await Self.wait(for: process)
            try await Task.sleep(for: rest)
            watch.cancel()
            let after = ProcessFigures(of: server.process)
            return Self.judge(count, undisturbed, times, before, most.withLock { $0 }, after)
        }
    }

    private static func judge(
        _ count: Int, _ undisturbed: [Double], _ times: [Double], _ before: ProcessFigures, _ most: (resident: Int, descriptors: Int),
        _ after: ProcessFigures
    ) -> Bool {
        var faults: [String] = []
        if times.isEmpty || percentile(times, 99) >= latencyLimit { faults.append("latency") }
        if most.resident > memoryBudget { faults.append("memory") }
        if after.resident > before.resident + before.resident / 10 + 16 << 20 { faults.append("memory afterwards") }
        if after.descriptors > before.descriptors + before.descriptors / 10 + 8 { faults.append("descriptors afterwards") }
        let attackers = count == 1 ? "1 attacker " : "\(count) attackers"
        print(
            "  \(attackers): \(faults.isEmpty ? "PASS" : "FAIL (\(faults.joined(separator: ", ")))"); \(times.count) dials,",
            "p50 \(whole(percentile(times, 50))) p99 \(whole(percentile(times, 99))) ms (undisturbed \(whole(percentile(undisturbed, 50))) and",
            "\(whole(percentile(undisturbed, 99)))); memory \(before.resident >> 20), at most \(most.resident >> 20), then \(after.resident >> 20) MiB;",
            "descriptors \(before.descriptors), at most \(most.descriptors), then \(after.descriptors); load \(KernelFigures.load)")
        fflush(nil)
        return faults.isEmpty
    }

    /// The percentile: the smallest value that this percentage does not exceed.
    static func percentile(_ sorted: [Double], _ part: Int) -> Double {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * part / 100)]
    }

    private static func whole(_ milliseconds: Double) -> Int { Int(milliseconds.rounded()) }

    private static func start(_ attack: Attack, _ count: Int, _ seconds: Int, _ url: RendezvousURL, _ target: PeerID) throws -> pid_t {
        let words = ["bodkin-bench", Attackers.command, attack.rawValue, "\(count)", "\(seconds * 1000)", "\(url)", "\(target)"]
        let arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let status = posix_spawn(&process, "/proc/self/exe", nil, nil, arguments, environ)
        guard status == 0 else { throw LabError(.system, "the attackers cannot be started: \(String(cString: strerror(status)))") }
        return process
    }

    private static func wait(for process: pid_t) async {
        var status: Int32 = 0
        while waitpid(process, &status, WNOHANG) == 0 { try? await Task.sleep(for: .milliseconds(50)) }
    }
}
