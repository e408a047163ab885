import BodkinCore
import FoundationEssentials
import Testing

@testable import Bodkin
@testable import BodkinCLI

@Suite("exit statuses")
struct CommandFailureTests {
    @Test("a peer's errors keep their words, get the option that helps, and have the statuses of docs/events.md")
    func peers() {
        let statuses: [(PeerError.Code, Int32)] = [
            (.unavailable, 68), (.unresponsive, 75), (.quota, 75), (.unreachable, 69), (.ourselves, 64), (.refused, 77), (.serverLost, 75),
            (.closed, 75),
        ]
        for (code, status) in statuses {
            let failure = CommandFailure(PeerError(code, "The dial failed. Do this."))
            let advice = code == .unreachable ? "Do this (leave out --direct-only)." : "Do this."
            #expect(failure.status == status && failure.message == "The dial failed. \(advice)", "\(code)")
        }
    }

    @Test("the verdicts of docs/metrics.md are the library's, with the command's hints")
    func verdicts() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let page = String(decoding: try Data(contentsOf: root.appending(path: "docs/metrics.md")), as: UTF8.self)
        for verdict in RelayVerdict.allCases {
            let advice = CommandHint.advice(verdict)
            let line = page.split(separator: "\n").first { $0.hasPrefix("| `\(verdict.rawValue)` |") }
            #expect(line?.contains(verdict.meaning) == true, "\(verdict.rawValue)")
            #expect(line.map { $0.filter { !"`'".contains($0) }.hasSuffix("| \(advice.filter { !"`'".contains($0) }) |") } == true, "\(advice)")
        }
    }
}
