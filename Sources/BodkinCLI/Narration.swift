import Bodkin
import BodkinCore

/// Events as short lines for people.
enum Narration {
    /// The line of an event; nil where only a verbose one is told.
    static func line(_ event: PeerEvent, after elapsed: Duration, isVerbose: Bool) -> String? {
        // Why a dial has failed is said once, by the command's last line.
        if case .report(let report) = event.kind, report.route == nil, !isVerbose { return nil }
        if case .serverLost(let reason) = event.kind { return "the rendezvous server is lost (\(reason)); trying again" }
        if case .report(let report) = event.kind { return text(report, isVerbose: isVerbose) }
        if case .pathLost(let peer, let route, let reason) = event.kind {
            return "\(short(peer)): the \(route == .direct ? "direct path" : "circuit") is lost (\(reason)); looking for another"
        }
        if case .moved(let peer, let route, let remote) = event.kind, isVerbose || route == .circuit || elapsed > .seconds(5) {
            return "\(short(peer)): goes on \(route == .direct ? "directly\(remote.map { " to \($0)" } ?? "")" : "by circuit")"
        }
        guard isVerbose else { return nil }
        let time = "\(elapsed.tenths) ms"
        return switch event.kind {
        case .registered(let observed):
            "\(time): registered\(observed.isEmpty ? "" : ", seen as \(observed.map { "\($0)" }.joined(separator: ", "))")"
        case .dialing(let peer): "\(time): dialing \(peer)"
        case .attempt(_, let attempt): "\(time): attempt \(attempt)"
        case .path(_, let route, let remote): "\(time): \(route.rawValue) path\(remote.map { " to \($0)" } ?? "") is up"
        case .connected(let peer, let route): "\(time): connected to \(peer), first bytes by \(route == .circuit ? "circuit" : "direct path")"
        case .closed(let peer, let reason): "\(time): \(short(peer)) \(reason)"
        case .profiled(let profile): "\(time): \(CheckReport(profile).summary)"
        case .report, .serverLost, .pathLost, .moved, .missed: nil
        }
    }

    /// A report: one line, and in a verbose one a line for each attempt.
    static func text(_ report: ConnectionReport, isVerbose: Bool) -> String {
        guard isVerbose else { return summary(report) }
        return ([summary(report)] + report.attempts.map { "  \($0)" }).joined(separator: "\n")
    }

    /// How a connection came about, in one line.
    static func summary(_ report: ConnectionReport) -> String {
        let first = report.timeToFirstPath.map(whole)
        switch report.route {
        case .direct:
            let remote = report.remote.map { "\($0)" } ?? "the peer"
            guard let time = report.timeToDirect.map(whole) else { return "connected directly to \(remote)" }
            let isCircuitFirst = report.attempts.contains { $0.route == .circuit && $0.verdict == .succeeded } && first != time
            let circuit = first.map { isCircuitFirst ? " (first byte by circuit after \($0) ms)" : "" } ?? ""
            return "connected directly to \(remote) in \(time) ms\(circuit)"
        case .circuit:
            let line = "connected by circuit\(first.map { " in \($0) ms" } ?? ""): the server relays it, encrypted end to end"
            // Who wanted it so needs no reason.
            guard let verdict = report.verdict, verdict != .notWanted else { return line }
            return line + "\n  no direct path: \(verdict.meaning)\n  what helps: \(verdict.advice)"
        case nil: return "not connected after \(report.attempts.count) attempt\(report.attempts.count == 1 ? "" : "s")"
        }
    }

    /// The beginning of a peer ID, to tell peers apart in passing.
    static func short(_ peer: PeerID) -> String { "\(peer)".prefix(8) + "…" }

    private static func whole(_ duration: Duration) -> String { "\(Int(duration.milliseconds.rounded()))" }
}
