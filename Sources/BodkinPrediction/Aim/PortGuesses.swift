/// Guesses of an external port where nothing is better than another.
package enum PortGuesses {
    /// One port of the range, from its middle half: where the bounds are estimates, the outer quarters may lie beyond.
    package static func single(from range: ClosedRange<UInt16>, using random: inout some RandomNumberGenerator) -> UInt16 {
        let quarter = range.count / 4
        return UInt16(truncatingIfNeeded: Int(range.lowerBound) + Int.random(in: quarter...(range.count - 1 - quarter), using: &random))
    }

    /// So many distinct ports of the range, in random order; all of them where there are fewer.
    ///
    /// Chosen without examining any port twice (Floyd's algorithm; Bentley, Programming Pearls, Communications of the ACM 30(9), 1987), then shuffled, since that leaves them in
    /// an order that is not random.
    package static func draw(_ count: Int, from range: ClosedRange<UInt16>, using random: inout some RandomNumberGenerator) -> [UInt16] {
        let size = range.count
        let count = max(0, min(count, size))
        var chosen: Set<Int> = []
        var result: [UInt16] = []
        result.reserveCapacity(count)
        for last in (size - count)..<size {
            let candidate = Int.random(in: 0...last, using: &random)
            let offset = chosen.insert(candidate).inserted ? candidate : last
            chosen.insert(offset)
            result.append(UInt16(truncatingIfNeeded: Int(range.lowerBound) + offset))
        }
        result.shuffle(using: &random)
        return result
    }
}
