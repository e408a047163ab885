#if canImport(BodkinNATLab)
import BodkinNATLab
import FoundationEssentials
import Glibc

/// Standard output during a demo. A terminal gets colours and a last line that shows how much of the file has arrived; anything else gets the same lines without them.
struct DemoScreen {
    private let isLive: Bool
    private let form: DemoForm
    private var status = ""
    private var start = LabInstant.start

    init() { self.init(isLive: Self.isLive(isTerminal: isatty(1) == 1, environment: ProcessInfo.processInfo.environment)) }

    private init(isLive: Bool) {
        self.isLive = isLive
        form = DemoForm(isColoured: isLive)
    }

    /// Whether the output may have colours and a line that changes: in a terminal that is not dumb, unless the user wants no colour (no-color.org).
    static func isLive(isTerminal: Bool, environment: [String: String]) -> Bool {
        isTerminal && environment["NO_COLOR", default: ""].isEmpty && !["", "dumb"].contains(environment["TERM", default: ""])
    }

    /// Prints who is where.
    mutating func introduce(_ lines: [String]) { show(lines + [""]) }

    /// Prints the heads of the columns; times count from now on.
    mutating func begin(at time: LabInstant) {
        start = time
        show([form.head])
    }

    /// Prints lines of the story.
    mutating func tell(_ lines: [DemoLine]) { show(lines.map { form.text($0, since: start) }) }

    /// Shows how much of the file has arrived, on a line that changes.
    mutating func progress(_ received: Int, of size: Int) {
        guard isLive, received > 0, size > 0 else { return }
        let width = 40
        let done = min(width, received * width / size)
        let next = "  file  \(String(repeating: "█", count: done))\(String(repeating: "░", count: width - done)) \(min(100, received * 100 / size)) %"
        guard next != status else { return }
        status = next
        write("\r\u{1B}[K" + status)
    }

    /// Removes the line that changes, and prints the last lines.
    mutating func close(_ lines: [String]) {
        show([])
        status = ""
        show([""] + lines)
    }

    private func show(_ lines: [String]) {
        let text = lines.map { $0 + "\n" }.joined()
        guard !text.isEmpty || !status.isEmpty else { return }
        write((status.isEmpty ? "" : "\r\u{1B}[K") + text + (text.isEmpty ? "" : status))
    }

    private func write(_ text: String) {
        print(text, terminator: "")
        flushOutput()
    }
}
#endif
