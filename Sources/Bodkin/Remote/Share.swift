import BodkinCore

/// Places that remote peers share: a limit for each of them, and a limit in all.
///
/// A new claim always has its place in the count. When there is one too many, the poorest claim goes: in the share of the remote peer that has too many, or
/// among all. So a remote peer that takes many places takes them from itself, and one with many keys takes them from those that have proved as little as it
/// has.
struct Share<ID: Hashable> {
    /// One place that is taken.
    struct Claim {
        var id: ID
        var peer: PeerID
        var wealth: ClaimWealth
        var start: Instant
    }

    /// The most places of one remote peer, and in all.
    let ofPeer: Int
    let ofAll: Int
    /// Whether, among all, the remote peer with the most places loses one, whatever they have come to; otherwise the poorest do first.
    var isEqualFirst = false

    /// The claim that makes room; nil while there is enough.
    func surplus(of claims: [Claim]) -> ID? {
        var counts: [PeerID: Int] = [:]
        for claim in claims { counts[claim.peer, default: 0] += 1 }
        if let own = claims.filter({ counts[$0.peer, default: 0] > ofPeer }).min(by: { isPoorer($0, than: $1) }) { return own.id }
        guard claims.count > ofAll else { return nil }
        return claims.min { isFirst($0, before: $1, counts) }?.id
    }

    /// Which of two claims goes first. Of those that have proved alike, the peer with the most has one too many.
    private func isFirst(_ one: Claim, before other: Claim, _ counts: [PeerID: Int]) -> Bool {
        let (left, right) = (-counts[one.peer, default: 0], -counts[other.peer, default: 0])
        guard isEqualFirst else { return (one.wealth, left, one.start.sinceStart) < (other.wealth, right, other.start.sinceStart) }
        let (isOneListed, isOtherListed) = (one.wealth == .listed ? 1 : 0, other.wealth == .listed ? 1 : 0)
        return (isOneListed, left, one.wealth, one.start.sinceStart) < (isOtherListed, right, other.wealth, other.start.sinceStart)
    }

    private func isPoorer(_ left: Claim, than right: Claim) -> Bool {
        (left.wealth, left.start.sinceStart) < (right.wealth, right.start.sinceStart)
    }
}

/// How much speaks for a claim.
enum ClaimWealth: Int, Comparable, CaseIterable {
    /// Nothing is known of it.
    case unproved
    /// The remote peer has proved its key.
    case proved
    /// It has come to something: a dial to a session, a session to an application that uses it.
    case used
    /// The local user has to do with the remote peer: by a dial, or by the admission list.
    case listed

    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
