/// Finds after what silence the NATs on the way forget a connection, from what the connections themselves live through. It has no clock.
///
/// Each silence that a connection has survived is one to keep to; one that it has not, lies above. In between the next keepalive tries the middle, until the two
/// are near enough. A connection that dies of such a try is replaced before anybody waits for it.
package struct KeepaliveSearch: Hashable, Sendable {
    /// Below the shortest time that a NAT is known to have, 10 s, with room for a packet that is repeated.
    package static let first = Duration.seconds(8)
    /// The longest: RFC 5382 REQ-5 lets a NAT forget an established connection after 2 h 4 min.
    package static let longest = Duration.seconds(7200)
    /// No NAT forgets faster.
    private static let least = Duration.seconds(2)
    /// The search is over when what is survived and what is not are this near.
    private static let resolution = 1.25

    /// The longest silence that was survived.
    package private(set) var survived: Duration?
    /// The shortest that was not.
    package private(set) var fatal: Duration?
    /// Whether the latest one has contradicted what was survived.
    private var isDoubted = false
    /// How many in a row have been answered since the search was over, and after how many what was fatal is tried once more: it may have been bad luck.
    private var steady = 0
    private var patience = 64

    /// Nothing is known.
    package init() {}

    /// After what silence to send the next keepalive.
    package var interval: Duration {
        guard let fatal else { return min(survived.map { $0 * 2 } ?? Self.first, Self.longest) }
        guard let low = survived else { return max(Self.least, fatal / 4) }
        guard isOver else { return low * (fatal / low).squareRoot() }
        // A tenth below what has been survived, for timers that are not exact.
        return steady < patience ? low * 0.9 : fatal
    }

    private var isOver: Bool {
        guard let survived, let fatal else { return false }
        return fatal / survived <= Self.resolution
    }

    /// A connection has answered after this silence.
    package mutating func answered(after silence: Duration) {
        isDoubted = false
        survived = max(survived ?? .zero, min(silence, Self.longest))
        // Whatever killed one earlier was no timer.
        if let fatal, silence >= fatal { self.fatal = nil }
        steady = isOver ? steady + 1 : 0
    }

    /// A connection has not answered any more after this silence.
    package mutating func died(after silence: Duration) {
        if isOver, steady >= patience { patience = min(patience * 2, 1 << 20) }
        steady = 0
        guard let survived, silence <= survived else {
            fatal = fatal.map { min($0, silence) } ?? max(silence, Self.least)
            return
        }
        // It has died of something else, or the network is another one: the second time in a row it is taken for that.
        self.survived = isDoubted ? nil : survived / 2
        if isDoubted { fatal = max(silence, Self.least) }
        isDoubted.toggle()
    }
}
