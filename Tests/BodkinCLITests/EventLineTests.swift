import BodkinCore
import FoundationEssentials
import Testing

@testable import Bodkin
@testable import BodkinCLI

@Suite("--events json")
struct EventLineTests {
    private static let text = "ahlvvgabqkyqvn6vjp7nhslea45a5yls6pnkmizfv4bbu2hxa5irusre"
    private let peer: PeerID
    private let remote: Endpoint

    init() throws {
        peer = try PeerID(Self.text)
        remote = try #require(Endpoint("198.51.100.7:40123"))
    }

    private func line(_ kind: PeerEvent.Kind) -> String {
        EventLine(PeerEvent(kind: kind, elapsed: .zero)).text(after: .microseconds(104_270))
    }

    @Test("each event is one line, its name and time first, as docs/events.md says")
    func lines() throws {
        #expect(line(.waiting(peer)) == #"{"event": "waiting", "ms": 104.3, "peer": "\#(Self.text)", "for": "peer"}"#)
        #expect(line(.dialing(peer)) == #"{"event": "dialing", "ms": 104.3, "peer": "\#(Self.text)"}"#)
        #expect(line(.registered([remote])) == #"{"event": "registered", "ms": 104.3, "observed": ["198.51.100.7:40123"]}"#)
        #expect(
            line(.pathEstablished(peer, .direct, remote: remote))
                == #"{"event": "path-established", "ms": 104.3, "peer": "\#(Self.text)", "route": "direct", "remote": "198.51.100.7:40123"}"#)
        #expect(
            line(.pathEstablished(peer, .circuit, remote: nil))
                == #"{"event": "path-established", "ms": 104.3, "peer": "\#(Self.text)", "route": "circuit"}"#)
        #expect(line(.connected(peer, .circuit)) == #"{"event": "connected", "ms": 104.3, "peer": "\#(Self.text)", "route": "circuit"}"#)
        #expect(
            line(.closed(peer, reason: "closed by the local peer"))
                == #"{"event": "closed", "ms": 104.3, "peer": "\#(Self.text)", "reason": "closed by the local peer"}"#)
        #expect(line(.serverLost("gone")) == #"{"event": "server-lost", "ms": 104.3, "reason": "gone"}"#)
    }

    @Test("a report has the route and every attempt; what is not known is left out, and the route is null where nothing worked")
    func report() {
        var attempt = ConnectionReport.Attempt(route: .direct, remote: remote, candidate: .serverReflexive, start: .milliseconds(2))
        attempt.duration = .milliseconds(51)
        attempt.shots = 1
        attempt.verdict = .succeeded
        var report = ConnectionReport(peer: peer)
        #expect(line(.report(report)) == #"{"event": "report", "ms": 104.3, "peer": "\#(Self.text)", "route": null, "rounds": 0, "attempts": []}"#)
        report.route = .direct
        report.timeToDirect = .milliseconds(53)
        attempt.round = 2
        report.attempts = [ConnectionReport.Attempt(route: .circuit, start: .zero), attempt]
        #expect(
            line(.report(report))
                == #"{"event": "report", "ms": 104.3, "peer": "\#(Self.text)", "route": "direct", "direct_ms": 53.0, "rounds": 2, "attempts": ["#
                + #"{"route": "circuit", "start_ms": 0.0, "syns": 0, "verdict": "pending"}, "#
                + #"{"route": "direct", "remote": "198.51.100.7:40123", "candidate": "server-reflexive", "start_ms": 2.0, "#
                + #""duration_ms": 51.0, "round": 2, "syns": 1, "verdict": "succeeded"}]}"#)
    }

    @Test("whatever a text holds, the line is JSON, and one line", arguments: ["\"\\/", "a\nb\r\tc\u{0}\u{1F}", "é 🙂 \u{2028}", ""])
    func escaping(_ text: String) throws {
        let line = EventLine("closed", [("reason", .text(text)), ("n", .number(.infinity))]).text(after: .zero)
        #expect(!line.utf8.contains(0x0A))
        struct Decoded: Decodable {
            var event: String
            var reason: String
            var n: Double?
        }
        let decoded = try JSONDecoder().decode(Decoded.self, from: Data(line.utf8))
        #expect(decoded.event == "closed" && decoded.reason == text && decoded.n == nil)
    }
}
