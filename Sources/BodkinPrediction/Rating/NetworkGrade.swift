public import BodkinCore

/// The suitability of a network for direct TCP connections, by its estimates with each reference network.
///
/// ```swift
/// for grade in profile.grades {
///     print(grade.family, grade.rating, grade.outcomes[.fixed]?.feasibility ?? .unknown)
/// }
/// ```
public struct NetworkGrade: Hashable, Sendable {
    /// The ratings, the best first.
    @nonexhaustive
    public enum Rating: String, Hashable, Sendable, CaseIterable {
        /// Direct connections with every reference network.
        case excellent
        /// Direct connections with every reference network; symmetric NATs need a birthday search.
        case good
        /// Direct connections with every reference network except random symmetric NATs.
        case fair
        /// Direct connections only with the easiest reference networks.
        case poor
        /// Circuits only.
        case bad
        /// Not enough was measured.
        case unknown
    }

    /// The address family.
    public let family: IPAddress.Family
    /// The rating of the network.
    public let rating: Rating
    /// The estimate of a connection between this network and each reference network.
    public let outcomes: [ReferenceNetwork: TraversalEstimate]

    /// A probability per round that counts as certain, because a dial has two rounds.
    private static let sure = 0.9
    /// A probability per round that two rounds raise above one half. A subscriber port block allows one round with a sequential NAT, at 0.46, and passes as well.
    private static let fair = 0.4

    /// Rates a network.
    package init(_ family: IPAddress.Family, of network: NATProfile, policy: PunchPolicy = PunchPolicy()) {
        self.family = family
        let outcomes = Dictionary(
            uniqueKeysWithValues: ReferenceNetwork.allCases.map { ($0, TraversalEstimate(of: network, and: $0.network, policy: policy)) })
        self.outcomes = outcomes
        rating = Self.rating(ReferenceNetwork.allCases.map { outcomes[$0]?.feasibility.probability })
    }

    /// Rates a network that blocks TCP to the server's STUN ports, so that remote peers learn no address. If the peer is not registered either, the rating is
    /// unknown.
    init(blocked family: IPAddress.Family, isRegistered: Bool) {
        self.family = family
        rating = isRegistered ? .bad : .unknown
        outcomes = [:]
    }

    /// The rating for the probabilities with ``ReferenceNetwork/allCases``; nil is an unknown probability.
    private static func rating(_ probabilities: [Double?]) -> Rating {
        guard let common = probabilities[1] else { return .unknown }
        let known = probabilities.map { $0 ?? 0 }
        if known.allSatisfy({ $0 == 1 }) { return .excellent }
        if known.allSatisfy({ $0 >= sure }) { return .good }
        if common >= sure, known[2] >= fair { return .fair }
        return common >= fair || known[0] >= fair ? .poor : .bad
    }
}

extension Feasibility {
    /// The probability that a round leads to a direct path; nil if it is unknown.
    public var probability: Double? {
        switch self {
        case .certain: 1
        case .likely(let probability, _): probability
        case .impossible: 0
        case .unknown: nil
        }
    }
}
