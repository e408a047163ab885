#if canImport(BodkinNATLab)
import BodkinCore
import BodkinNATLab

/// The timeline of a demo: a to the left, b to the right, SYNs crossing between them.
///
/// ```
///       ms  a                                          b
///     52.1  dials b                                  |
///    153.4  SYN to 203.0.113.13:40123 ──────▶        |
///    153.6                                           |        ◀────── SYN to 203.0.113.11:51234
/// ```
struct DemoTimeline {
    private static let width = 44
    private let outcome: DemoOutcome

    init(_ outcome: DemoOutcome) { self.outcome = outcome }

    private struct Entry {
        var time: LabInstant
        var isB: Bool
        var text: String
    }

    var lines: [String] {
        let entries = (outcome.record.compactMap(entry) + outcome.events.compactMap(entry)).sorted { $0.time < $1.time }
        let head = "\(String(repeating: " ", count: 8))ms  \("a".padded(Self.width))| b"
        return [head]
            + entries.map { entry in
                let time = Timeline.fixed(entry.time.since(outcome.start).milliseconds)
                let text = entry.isB ? "\(String(repeating: " ", count: Self.width))| \(entry.text)" : "\(entry.text.padded(Self.width))|"
                return String(repeating: " ", count: max(0, 10 - time.count)) + time + "  " + text
            }
    }

    private func entry(_ line: DemoRecord.Line) -> Entry? {
        guard line.host != "server", line.time >= outcome.start, let text = words(line.text) else { return nil }
        return Entry(time: line.time, isB: line.host == "b", text: text)
    }

    /// The SYNs between the two, and what boxes refuse of them.
    private func entry(_ event: LabEvent) -> Entry? {
        guard let packet = event.packet, packet.flow.transport == .tcp, packet.flags.contains(.syn), event.time >= outcome.start,
            !outcome.server.addresses.contains(packet.flow.destination.address), !outcome.server.addresses.contains(packet.flow.source.address),
            !outcome.server.addresses6.contains(packet.flow.destination.address), !outcome.server.addresses6.contains(packet.flow.source.address)
        else { return nil }
        let name = packet.flags.contains(.ack) ? "SYN-ACK" : "SYN"
        let isB = event.place == "b" || event.place.hasSuffix("-b")
        let text: String
        switch event.action {
        case .sent: text = isB ? "◀────── \(name) to \(packet.flow.destination)" : "\(name) to \(packet.flow.destination) ──────▶"
        case .delivered: text = isB ? "──────▶ \(name) has crossed" : "\(name) has crossed ◀──────"
        case .refused: text = "\(name) refused by \(event.place)"
        default: return nil
        }
        return Entry(time: event.time, isB: isB, text: text)
    }

    /// The meaning of a line of a process; nil if the line is no step.
    private func words(_ line: String) -> String? {
        switch line {
        case "first byte": return "b's program reads the first byte"
        case "file begins": return "the file begins"
        case "file has arrived": return "the file has arrived"
        default: break
        }
        guard let name = value("event", of: line) else { return line.hasPrefix("b> ") ? "reads b's answer" : nil }
        switch name {
        case "registered": return "registered" + (value("observed", of: line).map { ", seen as \($0)" } ?? "")
        case "dialing": return "dials b"
        case "path-established": return value("route", of: line) == "circuit" ? "circuit established" : "direct path established"
        case "connected": return "connected, first bytes: \(value("route", of: line) ?? "?")"
        case "report":
            return line.contains(#""route": null"#)
                ? "no connection" : "the connection is \(value("route", of: line) == "circuit" ? "relayed" : "direct")"
        case "closed": return "closed"
        case "error": return "error: \(value("message", of: line) ?? "")"
        default: return nil
        }
    }

    private func value(_ name: String, of line: String) -> String? { DemoRecord.value(name, of: line) }
}
#endif
