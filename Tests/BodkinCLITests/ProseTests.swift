import FoundationEssentials
import Testing

/// scripts/prose: each rule finds its fault, and lets everything else pass.
@Suite("The rules for prose")
struct ProseTests {
    /// A page with one fault, and the words of the message about it.
    struct Fault: Sendable, CustomTestStringConvertible {
        var page: String
        var message: String
        var testDescription: String { message }
    }

    static let faults = [
        Fault(page: "A sentence \(String(repeating: "that goes on ", count: 9)).", message: "29 words, at most 25"),
        Fault(page: "- \(String(repeating: "many words ", count: 13))", message: "26 words, at most 25"),
        Fault(page: "| a | \(String(repeating: "many words ", count: 13)) |", message: "26 words, at most 25"),
        Fault(page: "The peer waits (\(String(repeating: "many words ", count: 13))).", message: "26 words, at most 25"),
        Fault(page: "It waits. Whoever dials is told so.", message: "not with “Whoever”"),
        Fault(page: "# What it does", message: "not with “What”"),
        Fault(page: "| cell | Who may dial |", message: "not with “Who”"),
        Fault(page: "Of two peers one waits.", message: "not with “Of”"),
        Fault(page: "The far side answers.", message: "“far side”: remote peer"),
        Fault(page: "The peer keeps two warm connections.", message: "“warm connections”"),
        Fault(page: "A dialler waits.", message: "“dialler”: one l"),
        Fault(page: "The server anwsers.", message: "spelling: anwsers"),
        Fault(page: "The server answers \(String(repeating: "a ", count: 42)).", message: "104 columns, at most 100"),
        Fault(page: "See [the page](missing.md).", message: "there is no missing.md"),
        Fault(page: "# One\n\nSee [above](#two).", message: "there is no heading for #two"),
        Fault(page: "![A drawing](drawings/none.svg)", message: "there is no drawings/none.svg"),
    ]

    @Test("find each fault", arguments: faults)
    func find(_ fault: Fault) async throws {
        let output = try await Self.judge(fault.page)
        #expect(output.contains("page.md:") && output.contains(fault.message), "\(output)")
        #expect(output.contains(" faults. The rules are in"))
    }

    @Test("let a page without faults pass, whatever its code says")
    func pass() async throws {
        let page = """
            # One heading

            The peer answers `What the far side` says, see [above](#one-heading).
            The page https://example.org/warm-connections has more.

            | value | meaning |
            |---|---|
            | `patience` | the timeout of a dial; \(String(repeating: "words ", count: 12)); \(String(repeating: "words ", count: 12)) |

            ```
            Whoever writes code is not jugded: \(String(repeating: "a ", count: 30))
            ```
            """
        #expect(try await Self.judge(page) == "")
    }

    @Test("judge a drawing by its title, its colors and its words")
    func drawing() async throws {
        let output = try await Script.run(
            """
            echo '<svg xmlns="http://www.w3.org/2000/svg"><text>the far side</text></svg>' >drawing.svg
            '\(Script.root.path())scripts/prose' drawing.svg
            """)
        for fault in ["no title", "no colors for dark pages", "“far side”"] { #expect(output.contains(fault), "\(output)") }
    }

    /// What scripts/prose writes about a page.
    private static func judge(_ page: String) async throws -> String {
        try await Script.run("cat >page.md <<'END'\n\(page)\nEND\n'\(Script.root.path())scripts/prose' page.md")
    }
}
