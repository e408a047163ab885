/// How many ports of a subscriber's block a peer may still take: at most half of the block is ever used, because the subscriber needs the rest.
///
/// NATs keep a mapping whose SYN nobody has answered for minutes, whatever becomes of the socket: so what was taken counts for that long, over all rounds and dials.
///
/// ```swift
/// var share = PortBlockBudget()
/// share.took(13, at: now)
/// print(share.left(ofBlockSeenAs: 2050...2551, at: now))
/// ```
package struct PortBlockBudget: Sendable {
    /// What stands beside all searches: the link to the server and the NAT bindings.
    static let standing = 8
    /// What looking at the allocator takes, besides: two batches of probes.
    static let sampling = 13
    /// For how long a port counts as taken: what RFC 5382 (REQ-5) and RFC 7857 (section 2) give a connection that is opening or closing.
    static let lifetime = Duration.seconds(240)
    /// Fewer ports than this are not worth a search.
    package static let least = 8
    /// A block may be as small as that (RFC 7422 section 2 and what is sold).
    private static let smallestBlock = 64

    private var takings: [(time: Duration, count: Int)] = []

    /// Nothing is taken.
    package init() {}

    /// So many new ports of the NAT have been taken, `now` since any origin.
    package mutating func took(_ count: Int, at now: Duration) {
        takings.removeAll { now - $0.time >= Self.lifetime }
        // One entry for each second: there are never more than it has seconds.
        if let last = takings.indices.last, now - takings[last].time < .seconds(1) { return takings[last].count += count }
        takings.append((now, count))
    }

    /// How many are left.
    /// - Parameter seen: from the lowest to the highest external port that was seen.
    package func left(ofBlockSeenAs seen: ClosedRange<UInt16>, at now: Duration) -> Int {
        let taken = takings.reduce(0) { $0 + (now - $1.time < Self.lifetime ? $1.count : 0) }
        return max(0, Self.size(seen) / 2 - Self.standing - taken)
    }

    /// How many are left of a whole block of so many ports, after its sampling.
    static func share(of size: Int) -> Int { max(0, size / 2 - standing - sampling) }

    /// How many ports the block has at least. What is sold are powers of two, side by side from port 1024 on: where one of those holds all that was seen, and is
    /// three quarters full of it, it is the block. Else it is only what was seen: too little rather than too much.
    static func size(_ seen: ClosedRange<UInt16>) -> Int {
        let (low, high) = (Int(seen.lowerBound) - Int(PortRing.usual.lowerBound), Int(seen.upperBound) - Int(PortRing.usual.lowerBound))
        var size = smallestBlock
        while low >= 0, Double(size) <= Hypothesis.largestBlock {
            if low / size == high / size { return size * 3 <= seen.count * 4 ? size : seen.count }
            size *= 2
        }
        return seen.count
    }
}
