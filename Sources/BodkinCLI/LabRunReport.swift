#if canImport(BodkinNATLab)
import BodkinCore
import BodkinNATLab
import FoundationEssentials

/// How a run went: what `--json` prints.
struct LabRunReport: Codable, Sendable {
    struct Host: Codable, Sendable {
        var name: String
        var address: String
        var outside: String
        /// The exit status of its program, if it had one.
        var status: Int32?
    }

    struct Counters: Codable, Sendable {
        var sent = 0
        var delivered = 0
        var lost = 0
        var refused = 0

        init(_ counters: NetworkCounters) {
            (sent, delivered, lost, refused) = (counters.sent, counters.delivered, counters.lost, counters.refused)
        }
    }

    var a: String
    var b: String
    var isKernel: Bool
    var seed: UInt64
    var delayMilliseconds: Double
    var jitterMilliseconds: Double
    var loss: Double
    var rate: Int?
    var mtu: Int
    /// Changes to links and NATs, further hosts and interfaces, and faults, as they were given.
    var changes: [String]
    var faults: [String]
    var hosts: [Host] = []
    var exercise: PlainExercise?
    var counters: Counters?
    var timeline: [String] = []
    var status: Int32 = 0

    init(_ command: LabRunCommand, seed: UInt64) {
        let link = command.lab.links.link
        (a, b, isKernel, self.seed) = (command.lab.a, command.lab.b, command.lab.links.isKernel, seed)
        (delayMilliseconds, jitterMilliseconds) = (link.delay.milliseconds, link.jitter.milliseconds)
        (loss, rate, mtu) = (link.loss, link.rate, link.mtu)
        changes = command.lab.host + command.lab.interface + command.lab.link + command.lab.change
        faults = command.fault
    }

    func printJSON() throws { print(try json(self)) }

    func printText() {
        for line in timeline { print(line) }
        guard let exercise else { return }
        print()
        for (name, side, kind) in [("a", exercise.a, a), ("b", exercise.b, b)] {
            let mapped = side.mapped.map { $0 ?? "not reached" }
            let unique = mapped.reduce(into: [String]()) { list, text in if !list.contains(text) { list.append(text) } }
            print("\(name) behind \(kind): local port \(side.localPort) is seen as \(unique.joined(separator: ", "))")
            print("  an unsolicited SYN from a known address: \(words(side.fromContact)); from a stranger: \(words(side.fromStranger))")
        }
        if let a = exercise.a.simultaneousOpen, let b = exercise.b.simultaneousOpen {
            print("simultaneous open: a \(words(a)), b \(words(b)); one round trip is \(Timeline.fixed(2 * delayMilliseconds)) ms")
        } else {
            print("simultaneous open: not tried, the server was not reached")
        }
        print("seed \(seed)\(isKernel ? ", NATs by the kernel" : "")")
    }

    private func words(_ attempt: PlainExercise.Attempt) -> String {
        attempt.outcome == "silence" ? "got no answer" : "\(attempt.outcome) after \(Timeline.fixed(attempt.milliseconds)) ms"
    }
}

/// A value as JSON with sorted keys.
func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}
#endif
