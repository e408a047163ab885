/// What led to a direct path between two kinds of networks before: it is tried first.
public struct Precedent: Hashable, Sendable {
    /// How the ports were found.
    public enum Means: String, Hashable, Sendable, CaseIterable {
        /// Foretold, of NATs that count.
        case predicted
        /// Searched for, of NATs that draw.
        case search
    }

    /// How the ports were found.
    public var means: Means
    /// Whether the side whose port is known holds its guesses back until the other side's fresh ports are open. Where its NAT lets no SYN meet one from inside, they have to
    /// be; where it answers by an RST what comes too early, the guesses had better be first, as they are by default. False where there is no such order.
    public var isBurstFirst: Bool
    /// The round that it took, from 1.
    public var round: Int
    /// When it last did.
    public var day: Day

    /// A precedent from its parts.
    public init(_ means: Means, isBurstFirst: Bool, round: Int, day: Day) {
        self.means = means
        self.isBurstFirst = isBurstFirst
        self.round = round
        self.day = day
    }
}

extension Precedent: CustomStringConvertible {
    /// `worked before, on 2026-11-28: predicted ports, in round 2`.
    public var description: String {
        let order = isBurstFirst ? ", the fresh ports first" : ""
        return "worked before, on \(day): \(means == .predicted ? "predicted ports" : "a search for ports"), in round \(round)\(order)"
    }
}
