#if canImport(BodkinNATLab)
import BodkinNATLab

/// The outcome of a demo, with its timeline for the terminal.
struct DemoOutcome: Sendable {
    var record: [DemoRecord.Line]
    var events: [LabEvent]
    var start: LabInstant
    var end: LabInstant
    /// The exit status of `bodkin connect`.
    var status: Int32
    /// The SHA-256 of the file.
    var digest: String
    var size: Int
    var server: Topology.Host

    /// Whether b sent back the digest of the file.
    var isWhole: Bool { status == 0 && record.contains { $0.host == "a" && $0.text == digest } }

    /// Prints the timeline, the conversation and the outcome.
    func show() {
        let lines = DemoTimeline(self).lines
        for line in lines { print(line) }
        print()
        for line in record where line.host == "a" && line.text.hasPrefix("b> ") { print(line.text) }
        if isWhole {
            print("The file of \(size >> 20) MiB arrived, and its SHA-256 is the same at a and b (\(digest.prefix(16))…)\(rate).")
        } else {
            print("The file did not arrive (exit status \(status)). The processes wrote:")
            for line in record { print("  \(line.host) | \(line.text)") }
        }
        guard isWhole, let report = record.last(where: { $0.host == "a" && DemoRecord.value("event", of: $0.text) == "report" }) else { return }
        guard DemoRecord.value("route", of: report.text) == "direct" else {
            return print("The connection is relayed: the server forwarded its encrypted bytes.")
        }
        let isBeforeFile = time(of: "file begins").map { report.time < $0 } ?? false
        print("The connection is direct" + (isBeforeFile ? ", and the server relayed no byte of the file." : "."))
    }

    private var rate: String {
        guard let begin = time(of: "file begins"), let end = time(of: "file has arrived"), end > begin else { return "" }
        let seconds = Double(end.nanoseconds - begin.nanoseconds) / 1e9
        return ", \(Timeline.fixed(Double(size) * 8 / 1e6 / seconds)) Mbit/s"
    }

    private func time(of text: String) -> LabInstant? { record.first { $0.host == "b" && $0.text == text }?.time }
}
#endif
