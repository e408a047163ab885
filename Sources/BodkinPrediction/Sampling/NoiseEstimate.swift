/// The rate of allocations that other hosts behind the same NAT make.
public struct NoiseEstimate: Hashable, Sendable {
    /// Per second, as far as the samples show.
    public var rate: Double
    /// Per second: the most that it may be, about two standard deviations above what the samples show. A short sampling of a quiet NAT leaves this far above
    /// ``rate``.
    public var bound: Double

    /// An estimate from its parts, both per second.
    package init(rate: Double, bound: Double) {
        self.rate = rate
        self.bound = bound
    }

    /// What is supposed where nothing is known: twenty a second, as behind a busy home router.
    package static let supposed = NoiseEstimate(rate: 0, bound: 20)

    /// So many allocations of others were seen in this time, in seconds.
    init(_ count: Int, in time: Double) {
        let time = max(time, 0.001)
        rate = Double(count) / time
        bound = (Double(count) + 2 * Double(count + 1).squareRoot()) / time
    }
}
