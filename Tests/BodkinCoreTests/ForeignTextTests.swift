import BodkinCore
import Testing

@Suite("text of other programs")
struct ForeignTextTests {
    @Test(
        "controls nothing, and stays on one line",
        arguments: [
            ("all well", "all well"), ("Grüße, 世界", "Grüße, 世界"), ("\u{1B}[2Jgone", "\u{FFFD}[2Jgone"), ("\u{9B}2J", "\u{FFFD}2J"),
            ("\u{1B}]52;c;cm0gLXJm\u{7}", "\u{FFFD}]52;c;cm0gLXJm\u{FFFD}"), ("a\r\nlistening as b", "a\u{FFFD}\u{FFFD}listening as b"),
            ("a\u{2028}b\u{2029}c", "a\u{FFFD}b\u{FFFD}c"), ("\u{202E}evil", "\u{FFFD}evil"), ("\0", "\u{FFFD}"), ("", ""),
        ])
    func printable(_ text: String, _ shown: String) { #expect(text.printable(limit: 1_024) == shown) }

    @Test("is cut between characters", arguments: [(0, ""), (1, "a"), (2, "a"), (3, "aü"), (4, "aüb"), (99, "aüb")])
    func cut(_ limit: Int, _ shown: String) { #expect("aüb".printable(limit: limit) == shown) }
}
