#if canImport(BodkinNATLab)
import BodkinNATLab

/// The outcome of a demo.
struct DemoOutcome: Sendable {
    var record: [DemoRecord.Line]
    /// The exit status of `bodkin connect`.
    var status: Int32
    /// The SHA-256 of the file.
    var digest: String
    var size: Int
    /// When the network of a died, and how much of the file b had.
    var cut: (time: LabInstant, received: Int)?

    /// Whether b sent back the digest of the file.
    var isWhole: Bool { status == 0 && record.contains { $0.host == "a" && $0.text == digest } }

    /// The last lines of the demo.
    var summary: [String] {
        guard isWhole else {
            return ["The file did not arrive (exit status \(status)). The processes wrote:"] + record.map { "  \($0.host) | \($0.text)" }
        }
        let file = "The file of \(size >> 20) MiB arrived, and its SHA-256 is the same at a and b (\(digest.prefix(16))…)."
        return [file] + interruption + [connection]
    }

    /// The sentence about the death of the network.
    private var interruption: [String] {
        guard let cut else { return [] }
        let share = "The network of a died when \(cut.received * 100 / max(size, 1)) % had arrived."
        guard let moved = changes(after: cut.time).first else { return [share + " The path survived that."] }
        return ["\(share) The connection went on after \(Timeline.fixed(moved.time.since(cut.time).milliseconds / 1000)) s, and lost no byte."]
    }

    private var connection: String {
        let route = (changes(after: .start) + reports).max { $0.time < $1.time }.flatMap { DemoRecord.value("route", of: $0.text) }
        return route == "direct" ? "The connection is direct." : "The connection is relayed: the server forwarded its encrypted bytes."
    }

    private var reports: [DemoRecord.Line] { record.filter { $0.host == "a" && DemoRecord.value("event", of: $0.text) == "report" } }

    private func changes(after time: LabInstant) -> [DemoRecord.Line] {
        record.filter { $0.host == "a" && $0.time > time && DemoRecord.value("event", of: $0.text) == "path-changed" }
    }
}
#endif
