import Bodkin
import BodkinCore

/// The lines of events for people.
enum Narration {
    /// Returns the line of an event; nil if only `--verbose` prints the event.
    static func line(_ event: PeerEvent, after elapsed: Duration, isVerbose: Bool) -> String? {
        // The last line of the command gives the error of a failed dial.
        if case .report(let report) = event.kind, report.route == nil, !isVerbose { return nil }
        if case .serverLost(let reason) = event.kind { return "The connection to the rendezvous server is lost (\(reason)). Reconnecting." }
        if case .awaitingServer(let reason) = event.kind { return "\(reason) Waiting for it." }
        if case .waiting(let peer) = event.kind { return "\(short(peer)) is not registered, or does not allow this dial. Waiting for it." }
        if case .report(let report) = event.kind { return text(report, isVerbose: isVerbose) }
        if case .pathLost(let peer, let route, let reason) = event.kind {
            return "\(short(peer)): the \(name(route)) failed (\(reason)); looking for another path"
        }
        if case .pathChanged(let peer, let route, let remote) = event.kind, isVerbose || route != .direct || elapsed > .seconds(5) {
            let way = route == .direct ? "direct\(remote.map { " to \($0)" } ?? "")" : route == .turn ? "relayed by TURN" : "relayed"
            return "\(short(peer)): the connection is now \(way)"
        }
        guard isVerbose else { return nil }
        let time = "\(elapsed.tenths) ms"
        return switch event.kind {
        case .registered(let observed):
            "\(time): registered\(observed.isEmpty ? "" : ", server-reflexive \(observed.map { "\($0)" }.joined(separator: ", "))")"
        case .dialing(let peer): "\(time): dialing \(peer)"
        case .attempt(_, let attempt): "\(time): attempt \(attempt)"
        case .pathEstablished(_, let route, let remote):
            "\(time): \(name(route))\(remote.map { " to \($0)" } ?? "") established"
        case .connected(let peer, let route): "\(time): connected to \(peer), first bytes: \(name(route))"
        case .closed(let peer, let reason): "\(time): \(short(peer)): the connection is over (\(reason))"
        case .networkProfiled(let profile): "\(time): \(CheckReport(profile).summary)"
        case .report, .serverLost, .awaitingServer, .waiting, .pathLost, .pathChanged, .missed: nil
        }
    }

    /// Returns a report in one line, and with `--verbose` a further line for each path attempt.
    static func text(_ report: ConnectionReport, isVerbose: Bool) -> String {
        guard isVerbose else { return summary(report) }
        return ([summary(report)] + report.attempts.map { "  \($0)" }).joined(separator: "\n")
    }

    /// Returns the outcome of a dial in one line, and the reason for a relayed connection.
    static func summary(_ report: ConnectionReport) -> String {
        let first = report.timeToFirstPath.map(whole)
        switch report.route {
        case .direct:
            let remote = report.remote.map { "\($0)" } ?? "the peer"
            guard let time = report.timeToDirect.map(whole) else { return "connected directly to \(remote)" }
            let isCircuitFirst = report.attempts.contains { $0.route == .circuit && $0.verdict == .succeeded } && first != time
            let circuit = first.map { isCircuitFirst ? " (first bytes over the circuit after \($0) ms)" : "" } ?? ""
            return "connected directly to \(remote) in \(time) ms\(circuit)"
        case .circuit, .turn:
            let (way, who) = report.route == .turn ? ("by TURN", "a TURN relay") : ("over a circuit", "the server")
            let line = "connected \(way)\(first.map { " in \($0) ms" } ?? ""): \(who) relays the bytes, encrypted end to end"
            // The user asked for a circuit, and needs no reason.
            guard let verdict = report.verdict, verdict != .notWanted else { return line }
            return line + "\n  No direct path: \(verdict.meaning)\n  Recommendation: \(CommandHint.advice(verdict))"
        case nil: return "not connected after \(report.attempts.count) path attempt\(report.attempts.count == 1 ? "" : "s")"
        }
    }

    private static func name(_ route: Route) -> String {
        switch route {
        case .direct: "direct path"
        case .circuit: "circuit"
        case .turn: "TURN path"
        }
    }

    /// Returns the first eight characters of a peer ID.
    static func short(_ peer: PeerID) -> String { "\(peer)".prefix(8) + "…" }

    private static func whole(_ duration: Duration) -> String { "\(Int(duration.milliseconds.rounded()))" }
}
