#if canImport(BodkinNATLab)
import BodkinNATLab
import Synchronization

/// The lines that the processes of a demo have written, each with its time on the lab's clock.
final class DemoRecord: Sendable {
    struct Line: Sendable {
        var time: LabInstant
        var host: String
        var text: String
    }

    private let state = Mutex<[Line]>([])

    /// The lines so far.
    var lines: [Line] { state.withLock { $0 } }

    /// A text member of a line of events, which is written by this very program: the first of that name, so an event's own before its attempts'.
    static func value(_ name: String, of line: String) -> String? {
        guard line.hasPrefix("{") else { return nil }
        for opening in ["\"\(name)\": \"", "\"\(name)\": [\""] {
            if let range = line.firstRange(of: opening) { return String(line[range.upperBound...].prefix { $0 != "\"" }) }
        }
        return nil
    }

    /// A process has written a line.
    func note(_ host: String, _ text: String) { state.withLock { $0.append(Line(time: Lab.now, host: host, text: text)) } }

    /// The first line of a host that holds `text`.
    /// - Throws: ``LabError`` with the last line if the line does not come in time.
    func first(_ text: String, from host: String, within patience: Duration) async throws -> String {
        let deadline = ContinuousClock.now + patience
        while ContinuousClock.now < deadline {
            if let line = lines.first(where: { $0.host == host && $0.text.contains(text) }) { return line.text }
            if let line = lines.first(where: { $0.text.contains(#""event": "error""#) }) {
                throw LabError(.system, "The process in host \(line.host) failed. It wrote: \(line.text)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw LabError(
            .system, "The demo waited \(patience) in vain (last line: \(lines.last?.text ?? "none")). Run 'bodkin lab run' for details.")
    }
}
#endif
