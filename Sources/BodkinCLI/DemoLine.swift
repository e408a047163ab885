#if canImport(BodkinNATLab)
import BodkinNATLab

/// A line of a demo's story.
struct DemoLine: Sendable, Equatable {
    /// Where the line stands.
    enum Place: Sendable, Equatable {
        /// A heading over both columns.
        case chapter
        /// The column of a, or of b.
        case a, b
        /// Both columns.
        case both
    }

    /// What the line is about, for its colour.
    enum Tone: Sendable, Equatable {
        case plain, packet, success, failure
    }

    var time: LabInstant
    var place: Place
    var tone: Tone = .plain
    var text: String
}

/// The form of lines: two columns, with or without colours.
struct DemoForm: Sendable {
    /// The width of a's column. A line with IPv4 endpoints has at most 80 columns.
    private static let width = 34
    var isColoured = false

    /// The heads of the columns.
    var head: String { styled("      ms  \("a".padded(Self.width))| b", "2") }

    /// Returns the text of a line, with its time since `start`.
    func text(_ line: DemoLine, since start: LabInstant) -> String {
        if line.place == .chapter { return "\n" + styled(line.text, "1") }
        let time = Timeline.fixed(line.time.since(start).milliseconds)
        let text = styled(line.text, Self.code(line))
        let columns =
            switch line.place {
            case .a: text + String(repeating: " ", count: max(0, Self.width - line.text.count)) + "|"
            case .b: "".padded(Self.width) + "| " + text
            case .both, .chapter: text
            }
        return styled(String(repeating: " ", count: max(0, 8 - time.count)) + time, "2") + "  " + columns
    }

    private func styled(_ text: String, _ code: String) -> String { isColoured && !code.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }

    /// The parameters of Select Graphic Rendition (ECMA-48, 8.3.117).
    private static func code(_ line: DemoLine) -> String {
        switch line.tone {
        case .success: "32"
        case .failure: "31"
        case .packet: "33"
        case .plain: line.place == .a ? "36" : line.place == .b ? "35" : ""
        }
    }
}
#endif
