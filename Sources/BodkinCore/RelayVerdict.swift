/// Why a connection has no direct path, as far as can be told from what was tried.
@nonexhaustive
public enum RelayVerdict: String, Hashable, Sendable, CaseIterable {
    /// One of the two sides wants circuits alone.
    case notWanted = "not-wanted"
    /// The server sees no warm connection of ours, so that others are not told where to knock.
    case unseenHere = "unseen-here"
    /// The far side names nothing that could be connected to.
    case unseenThere = "unseen-there"
    /// All that the far side names is in a family of addresses that is not to be had here.
    case noCommonFamily = "no-common-family"
    /// What the far side names may not be connected to: the server does not vouch for it.
    case forbidden
    /// Whoever answered at the far side's endpoints was somebody else.
    case impostor
    /// Every SYN was answered by an RST or an ICMP error, up to the last.
    case refused
    /// Nothing was answered: a NAT on the way gives each destination a port of its own, or a firewall drops what comes from outside.
    case silent
    /// Both NATs draw their external ports from too many, so that no number of SYNs that is worth it would find a pair.
    case unpredictable
    /// The system would not connect.
    case failed
    /// A direct path came up, and died before it could be used.
    case unsteady

    /// The verdict on a dial that ended on a circuit.
    /// - Parameters:
    ///   - isWanted: whether both sides look for direct paths.
    ///   - isSeen: whether the server sees a warm connection of ours.
    public init(_ report: ConnectionReport, isWanted: Bool, isSeen: Bool) {
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

    /// What it means, for people.
    public var meaning: String {
        switch self {
        case .notWanted: "one of the two sides wants no direct path"
        case .unseenHere: "the rendezvous server sees no connection from our reserved port, so the far side does not know where to knock"
        case .unseenThere: "the far side names no address: the rendezvous server sees no connection from its reserved port"
        case .noCommonFamily: "the two sides have no family of addresses in common"
        case .forbidden: "the far side names only addresses that the server does not vouch for"
        case .impostor: "other machines answer at the addresses that the far side names"
        case .refused: "the far side's NAT or firewall refuses every SYN"
        case .silent: "no SYN was answered: one of the two NATs gives each destination another port, or a firewall drops what comes from outside"
        case .unpredictable: "both NATs give each connection a port at random: finding a pair would take tens of thousands of SYNs"
        case .failed: "the system did not let us connect"
        case .unsteady: "a direct path came up, and was lost before it could be used"
        }
    }

    /// What would help, for people.
    public var advice: String {
        switch self {
        case .notWanted: "leave out --relay-only at both ends"
        case .unseenHere: "allow TCP to the server's STUN port here ('bodkin check' tells which)"
        case .unseenThere: "run 'bodkin check' at the far side: TCP to the server's STUN port has to be allowed there"
        case .noCommonFamily: "turn on IPv6, or IPv4, where it is missing"
        case .forbidden: "run 'bodkin check' at the far side, whose NAT may use several outside addresses"
        case .impostor: "look for another machine that has the far side's address, as in two networks with the same private addresses"
        case .refused, .silent: "run 'bodkin check' at both ends, and forward the reserved port (--reserved-port) to the one whose router is yours"
        case .unpredictable: "forward the reserved port (--reserved-port) at one of the two routers, or turn on UPnP, NAT-PMP or IPv6 there"
        case .failed: "see the attempts (--verbose)"
        case .unsteady: "nothing is to be done: a direct path is looked for again"
        }
    }
}

extension RelayVerdict: CustomStringConvertible {
    /// Both, in one line.
    public var description: String { "\(meaning); \(advice)" }
}
