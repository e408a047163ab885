#if canImport(BodkinNATLab)
import BodkinCore
import BodkinNATLab
import Testing

@testable import BodkinCLI
@testable import BodkinEmulation

/// The story of `bodkin demo`, told from lines and packets without a lab.
@Suite("The story of the demo")
struct DemoStoryTests {
    private var story = DemoStory(server: [IPAddress("198.51.100.1")].compactMap { $0 })

    init() { story.begin(at: .start) }

    private static func at(_ milliseconds: Int64) -> LabInstant { LabInstant(nanoseconds: milliseconds * 1_000_000) }

    private static func line(_ milliseconds: Int64, _ host: String, _ text: String) -> DemoRecord.Line {
        DemoRecord.Line(time: at(milliseconds), host: host, text: text)
    }

    private static func event(_ milliseconds: Int64, _ host: String, _ name: String, _ members: String = "") -> DemoRecord.Line {
        line(milliseconds, host, "{\"event\": \"\(name)\", \"ms\": 1.0\(members)}")
    }

    private static func syn(_ milliseconds: Int64, _ place: String, _ action: LabEvent.Action, to remote: String = "203.0.113.13:4000") throws
        -> LabEvent
    {
        let flow = Flow(.tcp, from: try #require(Endpoint("203.0.113.11:5000")), to: try #require(Endpoint(remote)))
        return LabEvent(time: at(milliseconds), place: place, action: action, packet: PacketSummary(flow, flags: .syn))
    }

    private static let circuit = ", \"route\": \"circuit\""
    private static let direct = ", \"route\": \"direct\""

    /// The lines of a whole demo: what each of them adds to the story.
    private static let whole: [(DemoRecord.Line, String)] = [
        (event(1, "a", "dialing"), "dials b"), (event(60, "a", "path-established", circuit), "circuit established"),
        (event(61, "a", "connected", circuit), "connected, first bytes: circuit"), (line(90, "b", "first byte"), "reads the first bytes"),
        (line(100, "a", "b> hello a"), "b> hello a"), (event(170, "a", "path-established", direct), "direct path established"),
        (event(180, "a", "report", direct), "the connection is direct"), (line(200, "b", "file begins"), "the file begins"),
        (line(300, "demo", "the router of a restarts"), "the router of a restarts"),
        (event(900, "a", "path-lost", direct), "the direct path fails"), (event(950, "a", "server-lost"), "loses the server"),
        (event(1400, "a", "path-changed", circuit), "goes on over the circuit"), (event(1600, "a", "path-changed", direct), "goes on directly"),
        (line(2000, "b", "file has arrived"), "the file has arrived"), (event(2100, "b", "closed"), "closed"),
    ]

    @Test("has its six parts in their order, and each line in the part in which it happens")
    mutating func chapters() throws {
        for (line, _) in Self.whole { story.note(line) }
        story.note(try Self.syn(120, "a", .sent))
        let lines = story.finish()
        #expect(lines.filter { $0.place == .chapter }.map { $0.text.prefix(2) } == ["1.", "2.", "3.", "4.", "5.", "6."])
        #expect(lines.filter { $0.place != .chapter && $0.tone != .packet }.map(\.text) == Self.whole.map(\.1))
        let heads = lines.indices.filter { lines[$0].place == .chapter }.map { lines[$0 + 1].text }
        #expect(
            heads == [
                "dials b", "SYN to 203.0.113.13:4000 ───▶", "the file begins", "the router of a restarts", "the direct path fails",
                "the file has arrived",
            ])
    }

    @Test("tells lines in the order of their times, however they come, and holds the latest back")
    mutating func order() {
        for (line, _) in Self.whole.reversed() { story.note(line) }
        let first = story.take(before: Self.at(100)).map(\.time)
        let rest = story.finish().map(\.time)
        #expect(first == first.sorted() && rest == rest.sorted() && !first.isEmpty)
        #expect(first.allSatisfy { $0 < Self.at(100) } && rest.allSatisfy { $0 >= Self.at(100) })
    }

    @Test("shows four SYNs of each side in a part, and counts the others, which a search has in hundreds")
    mutating func search() throws {
        story.note(Self.event(0, "a", "dialing"))
        for number in 0..<300 { story.note(try Self.syn(1 + Int64(number), "a", .sent)) }
        for number in 0..<200 { story.note(try Self.syn(1 + Int64(number), "b", .refused(.silence, .filtered))) }
        for (line, _) in Self.whole where line.text == "file begins" { story.note(Self.line(400, "b", line.text)) }
        let texts = story.finish().filter { $0.tone != .plain }.map(\.text)
        #expect(texts.count == 2 * DemoStory.shownPackets + 1 && texts.last == "(and 492 more SYNs)", "\(texts)")
    }

    @Test("leaves out what was before the dial, and packets of the server")
    mutating func leftOut() throws {
        story.begin(at: Self.at(50))
        story.note(Self.event(20, "b", "registered"))
        story.note(try Self.syn(60, "a", .sent, to: "198.51.100.1:3478"))
        story.note(Self.line(70, "server", "{\"event\": \"listening\"}"))
        #expect(story.finish().isEmpty)
    }

    @Test("fits a terminal of 80 columns, and is the same text with colours")
    func form() throws {
        let line = DemoLine(time: Self.at(12_345), place: .b, tone: .packet, text: "◀─── SYN to 203.0.113.113:65535")
        let plain = DemoForm().text(line, since: .start)
        #expect(plain == " 12345.0  " + String(repeating: " ", count: 34) + "| ◀─── SYN to 203.0.113.113:65535" && plain.count <= 80)
        let coloured = DemoForm(isColoured: true).text(line, since: .start)
        #expect(coloured.contains("\u{1B}[33m◀") && coloured.replacing(/\u{1B}\[[0-9]*m/, with: "") == plain)
    }

    @Test(
        "is live in a terminal alone, and never for NO_COLOR or a dumb terminal",
        arguments: [
            (true, ["TERM": "xterm"], true), (true, ["TERM": "xterm", "NO_COLOR": ""], true), (true, ["TERM": "xterm", "NO_COLOR": "1"], false),
            (true, ["TERM": "dumb"], false), (true, [:], false), (false, ["TERM": "xterm"], false),
        ])
    func live(_ isTerminal: Bool, _ environment: [String: String], _ isLive: Bool) {
        #expect(DemoScreen.isLive(isTerminal: isTerminal, environment: environment) == isLive)
    }

    @Test("draws who is where")
    func drawing() throws {
        let topology = Topology.pair(try AccessNetwork(named: "port-restricted"), try AccessNetwork(named: "cgn"), seed: 1)
        let lines = DemoNetwork.drawing(topology, a: "port-restricted", b: "cgn")
        #expect(lines.count == 3 && Set(lines.map { $0.prefix { $0 != "┐" && $0 != "├" && $0 != "┘" }.count }).count == 1, "\(lines)")
        #expect(lines[0].contains("a 192.168.") && lines[0].contains("[ port-restricted ]") && lines[1].hasSuffix("server 198.51.100.1"))
    }
}
#endif
