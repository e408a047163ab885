#if canImport(BodkinNATLab)
import BodkinCore
import BodkinNATLab
import FoundationEssentials

/// The report of a run, as `--json` prints it.
struct LabRunReport: Codable, Sendable {
    struct Host: Codable, Sendable {
        var name: String
        var address: String
        var outside: String
        /// The exit status of the host's program; nil without a program.
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
    /// The options for links, NATs, further hosts and interfaces.
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
            print("\(name) behind \(kind): the server sees local port \(side.localPort) as \(unique.joined(separator: ", "))")
            print("  unsolicited SYN from a contacted address: \(words(side.fromContact)); from another address: \(words(side.fromStranger))")
        }
        if let a = exercise.a.simultaneousOpen, let b = exercise.b.simultaneousOpen {
            print("simultaneous open: a \(words(a)), b \(words(b)); one round trip is \(Timeline.fixed(2 * delayMilliseconds)) ms")
        } else {
            print("simultaneous open: not tried, because the server was not reached")
        }
        print("seed \(seed)\(isKernel ? ", kernel NATs" : "")")
    }

    private func words(_ attempt: PlainExercise.Attempt) -> String {
        attempt.outcome == "silence" ? "no answer" : "\(attempt.outcome) after \(Timeline.fixed(attempt.milliseconds)) ms"
    }
}

/// Returns a value as JSON with sorted keys.
func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}
#endif
