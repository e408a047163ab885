/// External ports as a circle: after the highest comes the lowest.
struct PortRing: Hashable, Sendable {
    /// The ports that NATs give out unless they say otherwise: all but the well-known ones (RFC 4787 section 4.2.2, RFC 6056 section 3.2).
    static let usual: ClosedRange<UInt16> = 1024...65535

    let lowest: Int
    let count: Int

    init(_ range: ClosedRange<UInt16> = usual) {
        lowest = Int(range.lowerBound)
        count = range.count
    }

    /// How many ports upwards from one to the other, below ``count``.
    func distance(from first: Int, to second: Int) -> Int {
        let difference = (second - first) % count
        return difference < 0 ? difference + count : difference
    }

    /// The same, the shorter way round: negative for downwards.
    func signedDistance(from first: Int, to second: Int) -> Int {
        let up = distance(from: first, to: second)
        return up > count / 2 ? up - count : up
    }

    /// The port so many steps on. Steps may be negative, and as many as an `Int` holds.
    func port(_ first: Int, advancedBy steps: Int) -> UInt16 {
        let offset = (distance(from: lowest, to: first) + steps % count) % count
        return UInt16(truncatingIfNeeded: lowest + (offset < 0 ? offset + count : offset))
    }
}
