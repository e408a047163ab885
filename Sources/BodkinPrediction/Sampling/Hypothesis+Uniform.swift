extension Hypothesis {
    /// Larger parts of the range are not called blocks: carriers' have 64 to 4096 ports (RFC 7422 section 2 and what is sold).
    static let largestBlock = 8192.0

    /// Any port of a part of the range, of whatever size and place.
    static func uniform(_ events: AllocationEvents) -> [Hypothesis] {
        let ports = events.events.map(\.port)
        guard let low = ports.min(), let high = ports.max() else { return [] }
        let sizes = (0...48).map { (16 * powerOfTwo(Double($0) / 4)).rounded() }
        let range = Self.range(low, high, count: ports.count)
        let logarithms = sizes.map { ($0, weight(size: $0, span: Double(high - low + 1), count: ports.count)) }
        func family(_ isBlock: Bool) -> Double {
            let members = logarithms.filter { ($0.0 <= largestBlock) == isBlock }.map(\.1)
            return LogProbability.sum(members) - LogProbability.of(Double(max(1, members.count)))
        }
        return [Hypothesis(.random(range), .random, family(false)), Hypothesis(.block(range), .block, family(true))]
    }

    /// The probability of these ports if they are allocated at random from `size` successive ones, which may begin anywhere.
    private static func weight(size: Double, span: Double, count: Int) -> Double {
        let size = min(size, 65_536)
        guard size >= span, size > Double(count) else { return -.infinity }
        let places = 65_537 - size
        let draws = (0..<count).reduce(0) { $0 + LogProbability.of(size - Double($1)) }
        return LogProbability.of(min(places, size - span + 1) / places) - draws
    }

    /// Where the ends of the range lie, seen from `count` ports of it: as far beyond the outermost ones as these are from their neighbours on average. Where that
    /// leaves little of the usual range out, it is the usual range.
    static func range(_ low: Int, _ high: Int, count: Int) -> ClosedRange<UInt16> {
        let margin = count > 1 ? (high - low + count - 2) / (count - 1) : 0
        let (lowest, highest) = (max(1, low - margin), min(65_535, high + margin))
        let usual = PortRing.usual
        if low >= Int(usual.lowerBound), highest - max(lowest, Int(usual.lowerBound)) > usual.count / 4 * 3 { return usual }
        let bound = low >= Int(usual.lowerBound) ? max(lowest, Int(usual.lowerBound)) : lowest
        return UInt16(clamping: bound)...UInt16(clamping: max(bound, highest))
    }

    /// Two to the power of a quarter's multiple.
    private static func powerOfTwo(_ exponent: Double) -> Double {
        LogProbability.value(exponent * 0.693_147_180_559_945_3)
    }
}
