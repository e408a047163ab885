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

    /// docs/troubleshooting.md.
    private static func page() throws -> [Substring] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return String(decoding: try Data(contentsOf: root.appending(path: "docs/troubleshooting.md")), as: UTF8.self).split(separator: "\n")
    }

    @Test("the verdicts of docs/troubleshooting.md are the library's, with the command's hints", arguments: RelayVerdict.allCases)
    func verdicts(verdict: RelayVerdict) throws {
        let advice = CommandHint.advice(verdict)
        let line = try Self.page().first { $0.hasPrefix("| `\(verdict.rawValue)` |") }
        #expect(line?.contains(verdict.meaning) == true)
        #expect(line.map { $0.filter { !"`'".contains($0) }.hasSuffix("| \(advice.filter { !"`'".contains($0) }) |") } == true, "\(advice)")
    }

    @Test("each recommendation of a check has its cause and its advice in docs/troubleshooting.md", arguments: Recommendation.allCases)
    func recommendations(recommendation: Recommendation) throws {
        let line = try #require(try Self.page().first { $0.hasPrefix("| `\(recommendation.rawValue)` |") })
        #expect(line.filter { $0 != "`" }.hasSuffix("| \(CommandHint.advice(recommendation)) |"))
    }

    @Test("each verdict of a path attempt is in docs/troubleshooting.md", arguments: ConnectionReport.Attempt.Verdict.allCases)
    func attempts(verdict: ConnectionReport.Attempt.Verdict) throws {
        let rows = try Self.page().drop { $0 != "### Path attempts" }
        #expect(rows.contains { $0.hasPrefix("| `\(verdict.rawValue)` |") })
    }

    @Test("each exit status has its cause and its remedy in docs/troubleshooting.md")
    func everyStatus() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        var statuses: Set<Substring> = []
        for file in ["BodkinCLI/CommandFailure.swift", "BodkinEmulation/LabError.swift"] {
            let source = String(decoding: try Data(contentsOf: root.appending(path: "Sources/\(file)")), as: UTF8.self)
            statuses.formUnion(source.matches(of: #/(?:Int32 = |case \.[^\n]*: )(\d+)\n/#).map(\.1))
        }
        try #require(statuses.count >= 11)
        let rows = try Self.page().drop { $0 != "## Exit statuses" }
        for status in statuses {
            let cells = rows.first { $0.hasPrefix("| \(status) |") }?.split(separator: "|").filter { $0 != " " }
            #expect(cells?.count == 4, "status \(status)")
        }
    }
}
