#if canImport(BodkinNATLab)
import BodkinNATLab

/// How a demo went, and its timeline for the terminal.
struct DemoOutcome: Sendable {
    var record: [DemoRecord.Line]
    var events: [LabEvent]
    var start: LabInstant
    var end: LabInstant
    /// The exit status of `bodkin connect`.
    var status: Int32
    /// SHA-256 of the file.
    var digest: String
    var size: Int
    var server: Topology.Host

    /// Whether b has the file, byte by byte: it has sent its digest back.
    var isWhole: Bool { status == 0 && record.contains { $0.host == "a" && $0.text == digest } }

    /// Draws the timeline, what was said, and how it ended.
    func show() {
        let lines = DemoTimeline(self).lines
        for line in lines { print(line) }
        print()
        for line in record where line.host == "a" && line.text.hasPrefix("b> ") { print(line.text) }
        if isWhole {
            print("the file, \(size >> 20) MiB, is there: b's SHA-256 is a's, \(digest.prefix(16))…\(rate)")
        } else {
            print("the file did not arrive whole (status \(status)): what the processes said:")
            for line in record { print("  \(line.host) | \(line.text)") }
        }
        guard isWhole, let report = record.last(where: { $0.host == "a" && DemoRecord.value("event", of: $0.text) == "report" }) else { return }
        guard DemoRecord.value("route", of: report.text) == "direct" else {
            return print("the connection stayed on a circuit: the server relayed it, encrypted")
        }
        let isBeforeFile = time(of: "file begins").map { report.time < $0 } ?? false
        print("the connection is direct" + (isBeforeFile ? "; the server carried none of the file" : ""))
    }

    private var rate: String {
        guard let begin = time(of: "file begins"), let end = time(of: "file is there"), end > begin else { return "" }
        let seconds = Double(end.nanoseconds - begin.nanoseconds) / 1e9
        return ", \(Timeline.fixed(Double(size) * 8 / 1e6 / seconds)) Mbit/s"
    }

    private func time(of text: String) -> LabInstant? { record.first { $0.host == "b" && $0.text == text }?.time }
}
#endif
