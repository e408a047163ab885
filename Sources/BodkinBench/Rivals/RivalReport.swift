import BodkinNATLab
import FoundationEssentials

/// What a driver has written, one JSON object a line.
struct RivalReport {
    /// When the connection was asked for, in seconds of the system's monotonic clock, which all hosts of a lab share.
    private(set) var start: Double?
    /// When the first byte was at the far application.
    private(set) var byte: Double?
    /// When it was back.
    private(set) var echo: Double?
    /// Why there is no connection.
    private(set) var failure: String?
    /// What it wrote to standard error.
    let error: String

    private struct Line: Decodable {
        var start, byte, echo: Double?
        var failure: String?
    }

    /// Lines that are no report, such as a package's own words, are passed over.
    init(_ result: ProcessResult) {
        error = result.error
        for text in result.output.split(separator: "\n") {
            guard let line = try? JSONDecoder().decode(Line.self, from: Data(text.utf8)) else { continue }
            start = start ?? line.start
            byte = byte ?? line.byte
            echo = echo ?? line.echo
            failure = failure ?? line.failure
        }
    }
}
