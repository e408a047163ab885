/// The reason why a connection has no direct path, as far as its path attempts show it.
@nonexhaustive
public enum RelayVerdict: String, Hashable, Sendable, CaseIterable {
    /// One of the two peers uses only circuits.
    case notWanted = "not-wanted"
    /// The server sees no NAT binding of the local peer, so the remote peer learns no server-reflexive candidate.
    case unseenHere = "unseen-here"
    /// The remote peer offers no candidate.
    case unseenThere = "unseen-there"
    /// Every candidate of the remote peer is of an address family that the local host lacks.
    case noCommonFamily = "no-common-family"
    /// The server has verified no candidate of the remote peer.
    case forbidden
    /// Other hosts answered at the remote peer's candidates.
    case impostor
    /// An RST or an ICMP error answered every SYN.
    case refused
    /// No SYN was answered, because a NAT maps each destination to another port or a firewall drops unsolicited SYNs.
    case silent
    /// Both NATs allocate random ports from ranges that are too large for a birthday search.
    case unpredictable
    /// The kernel refused to connect.
    case failed
    /// A direct path was established, and failed before the session used it.
    case unsteady

    /// The verdict on a dial that ended on a circuit.
    /// - Parameters:
    ///   - isWanted: whether both peers look for direct paths.
    ///   - isSeen: whether the server sees a NAT binding of the local peer.
    package init(_ report: ConnectionReport, isWanted: Bool, isSeen: Bool) {
        let direct = report.attempts.filter { $0.route == .direct }
        let tried = direct.filter { $0.shots > 0 }
        let verdicts = Set((tried.isEmpty ? direct : tried).map(\.verdict))
        self = isWanted ? Self.judge(verdicts, wasTried: !tried.isEmpty, isSeen: isSeen) : .notWanted
    }

    private static func judge(_ verdicts: Set<ConnectionReport.Attempt.Verdict>, wasTried: Bool, isSeen: Bool) -> Self {
        if verdicts.isEmpty { return .unseenThere }
        if !verdicts.isDisjoint(with: [.succeeded, .superseded]) { return .unsteady }
        if !wasTried { return verdicts.contains(.forbidden) ? .forbidden : .noCommonFamily }
        if !isSeen { return .unseenHere }
        if !verdicts.isDisjoint(with: [.silent, .pending]) { return .silent }
        if verdicts.contains(.impostor) { return .impostor }
        return verdicts.contains(.refused) ? .refused : .failed
    }

    /// The meaning of the verdict, in one sentence for people.
    public var meaning: String {
        switch self {
        case .notWanted: "One of the two peers uses only circuits."
        case .unseenHere: "The rendezvous server sees no NAT binding of the local peer, so the remote peer learns no address."
        case .unseenThere: "The remote peer offers no address, because the rendezvous server sees no NAT binding of it."
        case .noCommonFamily: "The two peers have no address family in common."
        case .forbidden: "The remote peer offers only addresses that the rendezvous server has not verified."
        case .impostor: "Other hosts answer at the addresses of the remote peer."
        case .refused: "The remote NAT or firewall refuses every SYN."
        case .silent: "No SYN was answered, because a NAT maps each destination to another port or a firewall drops unsolicited SYNs."
        case .unpredictable: "Both NATs allocate random ports, and a search would take tens of thousands of SYNs."
        case .failed: "The kernel refused to connect."
        case .unsteady: "A direct path was established, and failed before the session used it."
        }
    }

    /// The measure that helps, in one sentence for people.
    public var advice: String {
        switch self {
        case .notWanted: "Allow direct paths at both peers."
        case .unseenHere: "Allow outgoing TCP from this host to the server's STUN port."
        case .unseenThere: "Allow outgoing TCP from the remote host to the server's STUN port."
        case .noCommonFamily: "Enable IPv4 or IPv6 at the peer that lacks it."
        case .forbidden: "Give the remote NAT one external address, because connections from several addresses cannot be verified."
        case .impostor: "Look for another host with the same address, as in two networks with the same private addresses."
        case .refused, .silent: "Forward the reserved port at the router of one peer."
        case .unpredictable: "Forward the reserved port at the router of one peer, or enable IPv6 there."
        case .failed: "Read the kernel's errors in the path attempts of the report."
        case .unsteady: "Wait, because the peers keep looking for a direct path."
        }
    }
}

extension RelayVerdict: CustomStringConvertible {
    /// The meaning and the advice, in one line.
    public var description: String { "\(meaning) \(advice)" }
}
