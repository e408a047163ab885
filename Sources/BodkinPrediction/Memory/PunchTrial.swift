public import BodkinCore

/// A round between two kinds of networks: which side fires first, and what is to be remembered where it leads to a direct path.
public struct PunchTrial: Hashable, Sendable {
    /// Our kind of network.
    public let own: NATProfile.Kind
    /// The far side's.
    public let far: NATProfile.Kind
    fileprivate let means: Precedent.Means
    fileprivate let isOrdered: Bool
    /// Whether the side with fresh ports fires before the one that guesses.
    public let isBurstFirst: Bool

    /// A round.
    /// - Parameters:
    ///   - part: what this side does in it.
    ///   - ports: how both sides' ports come about.
    ///   - precedent: what has worked between the two before: the first round begins with that, and a later one goes on in the usual order.
    ///   - earlier: the rounds before it.
    public init(
        _ part: PunchRound, between ports: [PortForecast.Ports], own: NATProfile.Kind, far: NATProfile.Kind, precedent: Precedent?,
        after earlier: [PunchTrial]
    ) {
        self.own = own
        self.far = far
        means = ports.contains { if case .drawn = $0 { true } else { false } } ? .search : .predicted
        isOrdered = part.isOrdered
        isBurstFirst = part.isOrdered && earlier.isEmpty && precedent?.isBurstFirst == true
    }
}

extension [PunchTrial] {
    /// What is to be remembered where the last of these rounds has led to a direct path.
    ///
    /// Where a later round has led there and the first one has not, it is the order of the first that was wrong, as far as there is one: the later one is no
    /// witness of its own order, because the two sides no longer begin it at one moment.
    public func precedent(on day: Day) -> Precedent? {
        guard let first, let last else { return nil }
        return Precedent(last.means, isBurstFirst: last.isOrdered && (count == 1 ? last.isBurstFirst : !first.isBurstFirst), round: count, day: day)
    }
}
