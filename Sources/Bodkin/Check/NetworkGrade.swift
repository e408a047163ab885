public import BodkinCore
public import BodkinPrediction

/// How good a network is for direct TCP connections: what the oracle says of it and of the common kinds of far networks.
///
/// ```swift
/// let grade = NetworkGrade(.v4, of: profile)
/// print(grade.mark, grade.outcomes[.keeping]?.feasibility ?? .unknown)
/// ```
public struct NetworkGrade: Hashable, Sendable {
    /// The marks, the best first.
    @nonexhaustive
    public enum Mark: String, Hashable, Sendable, CaseIterable {
        /// Direct with every kind of network.
        case excellent
        /// Direct with every kind; with symmetric NATs after a search for their ports.
        case good
        /// Direct with all but NATs that nobody can predict.
        case fair
        /// Direct with networks that are easy themselves.
        case poor
        /// By circuit only.
        case bad
        /// What decides is not known.
        case unknown
    }

    /// The address family.
    public let family: IPAddress.Family
    /// The mark.
    public let mark: Mark
    /// What becomes of this network and each kind of far network.
    public let outcomes: [FarNetwork: TraversalEstimate]

    /// Better than this, for each round, is as good as certain: there are two rounds.
    private static let sure = 0.9
    /// What two rounds make more likely than not. A household's block has one round with a NAT that counts, at 0.46, which passes as well.
    private static let fair = 0.4

    /// Judges a network.
    public init(_ family: IPAddress.Family, of network: NATProfile, policy: PunchPolicy = PunchPolicy()) {
        self.family = family
        let outcomes = Dictionary(
            uniqueKeysWithValues: FarNetwork.allCases.map { ($0, TraversalEstimate(of: network, and: $0.network, policy: policy)) })
        self.outcomes = outcomes
        mark = Self.mark(FarNetwork.allCases.map { outcomes[$0]?.feasibility.probability })
    }

    /// A network from which nothing can be found out about the ports of its NAT, because TCP to the server's STUN ports does not get out: no peer is told where to
    /// knock. Where not even the server can be used, nothing is known.
    init(blocked family: IPAddress.Family, isRegistered: Bool) {
        self.family = family
        mark = isRegistered ? .bad : .unknown
        outcomes = [:]
    }

    /// The mark for the probabilities with ``FarNetwork/allCases``, of which nil is not known.
    private static func mark(_ probabilities: [Double?]) -> Mark {
        guard let common = probabilities[1] else { return .unknown }
        let known = probabilities.map { $0 ?? 0 }
        if known.allSatisfy({ $0 == 1 }) { return .excellent }
        if known.allSatisfy({ $0 >= sure }) { return .good }
        if common >= sure, known[2] >= fair { return .fair }
        return common >= fair || known[0] >= fair ? .poor : .bad
    }
}

extension Feasibility {
    /// The probability that a round leads to a direct path; nil where it is not known.
    public var probability: Double? {
        switch self {
        case .certain: 1
        case .likely(let probability, _): probability
        case .impossible: 0
        case .unknown: nil
        }
    }
}
