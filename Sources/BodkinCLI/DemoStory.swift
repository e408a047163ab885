#if canImport(BodkinNATLab)
import BodkinCore
import BodkinNATLab

/// The story of a demo: lines in the order of their times, from what the processes write and what the lab sees, with a heading for each part.
///
/// ```
///       ms  a                                 | b
///
/// 2. Both send SYNs at once. Each SYN opens the NAT of its sender for the other.
///    153.4  SYN to 203.0.113.13:40123 ───▶    |
///    153.6                                    | ◀─── SYN to 203.0.113.11:51234
/// ```
struct DemoStory: Sendable {
    /// The parts, in their order.
    enum Chapter: Int, Sendable, Comparable {
        case introduction, meeting, crossing, file, outage, recovery, arrival
        static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    /// A search for ports sends a thousand SYNs: each part shows so many SYNs of each side.
    static let shownPackets = 4

    private let server: Set<IPAddress>
    private var start: LabInstant?
    private var pending: [(line: DemoLine, opens: Chapter?, isPacket: Bool)] = []
    private var chapter = Chapter.introduction
    private var shown: [DemoLine.Place: Int] = [:]
    private var hidden = 0

    /// Creates a story whose packets from and to the server, with these addresses, are left out.
    init(server: [IPAddress]) { self.server = Set(server) }

    /// Begins: what was earlier is left out.
    mutating func begin(at time: LabInstant) { start = time }

    /// Notes a line of a process.
    mutating func note(_ line: DemoRecord.Line) {
        guard let start, line.time >= start, case let (text, tone, opens)? = Self.meaning(of: line) else { return }
        let place: DemoLine.Place = line.host == "a" ? .a : line.host == "b" ? .b : .both
        pending.append((DemoLine(time: line.time, place: place, tone: tone, text: text), opens, false))
    }

    /// Notes a SYN between the two peers, and where it ends. Everything else is left out.
    mutating func note(_ event: LabEvent) {
        guard let start, event.time >= start, let packet = event.packet, packet.flow.transport == .tcp, packet.flags.contains(.syn),
            !server.contains(packet.flow.destination.address), !server.contains(packet.flow.source.address)
        else { return }
        let name = packet.flags.contains(.ack) ? "SYN-ACK" : "SYN"
        let isB = event.place == "b" || event.place.hasSuffix("-b")
        var line = DemoLine(time: event.time, place: isB ? .b : .a, tone: .packet, text: "")
        switch event.action {
        case .sent: line.text = isB ? "◀─── \(name) to \(packet.flow.destination)" : "\(name) to \(packet.flow.destination) ───▶"
        case .delivered: (line.text, line.tone) = (isB ? "───▶ \(name) has crossed" : "\(name) has crossed ◀───", .success)
        case .refused: (line.text, line.tone) = ("\(name) refused by \(event.place)", .failure)
        default: return
        }
        pending.append((line, .crossing, true))
    }

    /// Returns the lines before a moment, in order. Nothing earlier may come afterwards.
    mutating func take(before time: LabInstant) -> [DemoLine] {
        let due = pending.filter { $0.line.time < time }.sorted { $0.line.time < $1.line.time }
        pending.removeAll { $0.line.time < time }
        var lines: [DemoLine] = []
        for (line, opens, isPacket) in due {
            if let opens { open(opens, line.time, &lines) }
            if isPacket {
                shown[line.place, default: 0] += 1
                guard shown[line.place, default: 0] <= Self.shownPackets else {
                    hidden += 1
                    continue
                }
            }
            lines.append(line)
        }
        return lines
    }

    /// Returns the last lines.
    mutating func finish() -> [DemoLine] {
        var lines = take(before: LabInstant(nanoseconds: .max))
        closePackets(lines.last?.time ?? start ?? .start, &lines)
        return lines
    }

    private mutating func open(_ next: Chapter, _ time: LabInstant, _ lines: inout [DemoLine]) {
        // SYNs after the file has begun belong to the part that runs.
        guard next > chapter, next != .recovery || chapter == .outage else { return }
        closePackets(time, &lines)
        chapter = next
        lines.append(DemoLine(time: time, place: .chapter, text: Self.heading(next)))
    }

    private mutating func closePackets(_ time: LabInstant, _ lines: inout [DemoLine]) {
        if hidden > 0 { lines.append(DemoLine(time: time, place: .both, tone: .packet, text: "(and \(hidden) more SYNs)")) }
        (shown, hidden) = ([:], 0)
    }

    private static func heading(_ chapter: Chapter) -> String {
        switch chapter {
        case .introduction: ""
        case .meeting: "1. a dials b. The server introduces them, and relays the first bytes."
        case .crossing: "2. Both send SYNs at once. Each SYN opens the NAT of its sender for the other."
        case .file: "3. a sends a file to b."
        case .outage: "4. In the middle of the file the network of a dies."
        case .recovery: "5. Both look for another path. The connection and its file go on."
        case .arrival: "6. The file arrives."
        }
    }

    /// The words for a line of a process, and the part that it opens; nil if the line is no step.
    private static func meaning(of line: DemoRecord.Line) -> (String, DemoLine.Tone, Chapter?)? {
        switch (line.host, line.text) {
        case ("demo", _): return (line.text, .failure, .outage)
        case (_, DemoScript.firstByte): return ("reads the first bytes", .plain, nil)
        case (_, DemoScript.fileBegins): return ("the file begins", .plain, .file)
        case (_, DemoScript.fileArrived): return ("the file has arrived", .success, .arrival)
        case ("server", _): return nil
        default: break
        }
        func value(_ name: String) -> String? { DemoRecord.value(name, of: line.text) }
        let isCircuit = value("route") == "circuit"
        switch value("event") {
        case nil: return line.text.hasPrefix("b> ") ? (line.text, .plain, nil) : nil
        case "registered": return (value("observed").map { "seen as \($0)" } ?? "registers again", .plain, nil)
        case "dialing": return ("dials b", .plain, .meeting)
        case "path-established": return (isCircuit ? "circuit established" : "direct path established", .success, .recovery)
        case "connected": return ("connected, first bytes: \(isCircuit ? "circuit" : "direct")", .success, nil)
        case "path-lost": return (isCircuit ? "the circuit fails" : "the direct path fails", .failure, .recovery)
        case "path-changed": return (isCircuit ? "goes on over the circuit" : "goes on directly", .success, .recovery)
        case "server-lost": return ("loses the server", .failure, .recovery)
        case "report":
            if line.text.contains(#""route": null"#) { return ("no connection", .failure, nil) }
            return ("the connection is \(isCircuit ? "relayed" : "direct")", .success, nil)
        case "closed": return ("closed", .plain, nil)
        case "error": return ("error: \(value("message") ?? "")", .failure, nil)
        default: return nil
        }
    }
}
#endif
