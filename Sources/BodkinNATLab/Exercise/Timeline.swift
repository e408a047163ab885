import BodkinCore
public import BodkinEmulation

/// Events as lines for people.
///
/// ```
///     0.0 ms  a          sends    SYN      192.168.11.12:5000 → 203.0.113.13:5000
///     0.0 ms  nat-a      passes   SYN      as 203.0.113.11:5000 → 203.0.113.13:5000
///    25.1 ms  nat-b      refuses  SYN      203.0.113.11:5000 → 203.0.113.13:5000 (silence: filtered)
/// ```
public enum Timeline {
    /// The lines of what opened, ended, failed or was refused; ordinary data is left out unless `isComplete`.
    public static func lines(_ events: [LabEvent], since start: LabInstant, isComplete: Bool = false) -> [String] {
        let shown = events.filter { isComplete || isOfInterest($0) }
        let width = shown.map(\.place.count).max() ?? 0
        return shown.map { event in
            let time = fixed(event.time.since(start).milliseconds)
            return "\(padded(time, 10, isRight: true)) ms  \(padded(event.place, width))  \(words(event))"
        }
    }

    /// Milliseconds with one decimal.
    package static func fixed(_ milliseconds: Double) -> String {
        let tenths = Int((milliseconds * 10).rounded())
        return "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
    }

    private static func isOfInterest(_ event: LabEvent) -> Bool {
        guard let packet = event.packet else { return true }
        if case .error = packet.kind { return true }
        switch event.action {
        case .refused, .fault, .unroutable: return true
        default: return packet.flow.transport == .tcp && !packet.flags.isDisjoint(with: [.syn, .fin, .rst])
        }
    }

    private static func words(_ event: LabEvent) -> String {
        let packet = event.packet.map { "\(padded(name($0), 8)) \(endpoints($0.flow))" } ?? ""
        return switch event.action {
        case .sent: "sends    \(packet)"
        case .translated(let flow): "passes   \(event.packet.map { padded(name($0), 8) } ?? "") as \(endpoints(flow))"
        case .refused(let refusal, let reason): "refuses  \(packet) (\(answer(refusal)): \(reason.rawValue))"
        case .lost: "loses    \(packet)"
        case .unroutable: "no route \(packet)"
        case .delivered: "gets     \(packet)"
        case .fault(let text): "\(text) \(packet)"
        }
    }

    private static func answer(_ refusal: Refusal) -> String {
        switch refusal {
        case .silence: "silence"
        case .reset: "answers RST"
        case .unreachable: "answers ICMP"
        }
    }

    private static func endpoints(_ flow: Flow) -> String { "\(flow.source) → \(flow.destination)" }

    private static func name(_ packet: PacketSummary) -> String {
        switch packet.kind {
        case .error: return "ICMP error"
        case .laterFragment: return "fragment"
        case .message: break
        }
        guard packet.flow.transport == .tcp else { return packet.flow.transport == .udp ? "UDP" : "ICMP" }
        let bits: [(TCPFlags, String)] = [(.syn, "SYN"), (.fin, "FIN"), (.rst, "RST"), (.ack, "ACK")]
        let names = bits.filter { packet.flags.contains($0.0) }.map(\.1)
        return names.count > 1 && names != ["SYN", "ACK"] ? names[0] : names.joined(separator: "-")
    }

    private static func padded(_ text: String, _ width: Int, isRight: Bool = false) -> String {
        let spaces = String(repeating: " ", count: max(0, width - text.count))
        return isRight ? spaces + text : text + spaces
    }
}
