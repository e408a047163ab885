/// How a connection came about: every attempt, its verdict and its time.
///
/// ```swift
/// let connection = try await peer.connect(to: id)
/// print(try await connection.settled())
/// ```
public struct ConnectionReport: Hashable, Sendable {
    /// One way that was tried.
    public struct Attempt: Hashable, Sendable {
        /// The outcome of the attempt.
        @nonexhaustive
        public enum Verdict: String, Hashable, Sendable, CaseIterable {
            /// Still under way.
            case pending
            /// It carries, or carried, the connection.
            case succeeded
            /// It came up, but another one was first.
            case superseded
            /// The remote peer, or a NAT in front of it, answered with RST or ICMP.
            case refused
            /// No answer.
            case silent
            /// Another host answered, not the peer.
            case impostor
            /// The peer may not connect to this address.
            case forbidden
            /// The system refused.
            case failed
        }

        /// The kind of path.
        public var route: Route
        /// The remote endpoint; nil for a circuit.
        public var remote: Endpoint?
        /// The kind of that candidate; nil if the remote peer connected from an endpoint that it had not named.
        public var candidate: Candidate.Kind?
        /// When it began, since the dial.
        public var start: Duration
        /// How long it took to its verdict.
        public var duration: Duration?
        /// How many SYNs it sent, each by a socket of its own; what the system repeats does not count.
        public var shots: Int
        /// Which round of predicted ports, or of a search for them, it was, from 1; nil for a Meet or a circuit.
        public var round: Int?
        /// The outcome of the attempt.
        public var verdict: Verdict
        /// More about the verdict, for people; empty where there is no more.
        public var detail: String

        /// An attempt that begins.
        package init(route: Route, remote: Endpoint? = nil, candidate: Candidate.Kind? = nil, start: Duration) {
            self.route = route
            self.remote = remote
            self.candidate = candidate
            self.start = start
            shots = 0
            verdict = .pending
            detail = ""
        }
    }

    /// The remote peer.
    public var peer: PeerID
    /// How the two are connected; nil before they are, or when nothing worked.
    public var route: Route?
    /// The remote endpoint of a direct path.
    public var remote: Endpoint?
    /// From the dial to the first path on which the dialer could write.
    public var timeToFirstPath: Duration?
    /// From the dial to the direct path.
    public var timeToDirect: Duration?
    /// Why there is no direct path; nil where there is one, or none was looked for to the end.
    public var verdict: RelayVerdict?
    /// How often the path that carried the connection has died. The connection has gone on by another one, or waits for one.
    public var pathDeaths = 0
    /// Every attempt, in the order they began.
    public var attempts: [Attempt] = []

    /// How many rounds of predicted ports, or of searches for them, there were; none where the two only met.
    public var rounds: Int { attempts.lazy.compactMap(\.round).max() ?? 0 }

    /// A report that begins.
    package init(peer: PeerID) { self.peer = peer }
}

extension ConnectionReport: CustomStringConvertible {
    /// One line for people, then one for each attempt.
    public var description: String {
        var lines: [String] = []
        switch route {
        case .direct: lines.append("direct to \(remote.map { "\($0)" } ?? "the peer") after \((timeToDirect ?? .zero).inMilliseconds)")
        case .circuit, .turn:
            lines.append("by \(route == .turn ? "TURN, first by circuit" : "circuit") after \((timeToFirstPath ?? .zero).inMilliseconds)")
            if let verdict { lines.append("  \(verdict)") }
        case nil: lines.append("not connected")
        }
        lines += attempts.map { "  \($0)" }
        return lines.joined(separator: "\n")
    }
}

extension ConnectionReport.Attempt: CustomStringConvertible {
    /// `+2 ms direct 192.0.2.1:4000 (server-reflexive): succeeded after 51 ms, 1 SYN`, with `round 1` where ports were predicted.
    public var description: String {
        let target = remote.map { " \($0)" } ?? ""
        let kind = candidate.map { " (\($0.rawValue))" } ?? ""
        let time = duration.map { " after \($0.inMilliseconds)" } ?? ""
        let count = shots == 0 ? "" : ", \(shots) SYN\(shots == 1 ? "" : "s")"
        let turn = round.map { ", round \($0)" } ?? ""
        let more = detail.isEmpty ? "" : ", \(detail)"
        return "+\(start.inMilliseconds) \(route.rawValue)\(target)\(kind): \(verdict.rawValue)\(time)\(turn)\(count)\(more)"
    }
}
