/// How many probes a burst behind a sequential NAT has, and which of them the remote side aims at.
///
/// Other hosts' allocations only ever move the counter on: where `r t` are expected between sample and burst, the port `k` steps beyond the first is the burst's own
/// as long as no more than `k` have come in between. So one aims late in the burst, three standard deviations beyond the mean, and not at its beginning.
package struct AimWindow: Hashable, Sendable {
    /// SYNs in the burst: n.
    package let count: Int
    /// The index of the probe that is aimed at, from zero: k.
    package let index: Int
    /// The probability that one of the burst's own probes gets the port aimed at.
    package let probability: Double

    /// The probability that a single probe, fired instead of the burst, gets one of the ports up to the window's end: what a remote side sees that sends a guess to
    /// each of them.
    package let probabilityOfSingle: Double

    /// SYNs per second of an unpaced burst: one in 0.1 ms. Pacing would let other hosts' allocations in between.
    package static let burstRate = 10_000.0
    /// The smallest burst.
    static let smallest = 16
    /// The largest: beyond it a fresh sample costs less.
    package static let largest = 256

    /// A window.
    /// - Parameters:
    ///   - noise: other hosts' allocations. The bound decides the size, and the rate the probabilities.
    ///   - time: from the sample to the burst: t. Less than none is none.
    ///   - limit: the most probes; nil where not even the smallest burst is allowed.
    package init?(noise: NoiseEstimate, time: Duration, limit: Int = Self.largest) {
        guard noise.rate.isFinite, noise.bound.isFinite, limit >= Self.smallest else { return nil }
        func mean(_ rate: Double) -> Double { min(max(0, rate) * max(0, time.seconds), 1e9) }
        let most = mean(noise.bound)
        let wanted = min(most + 3 * most.squareRoot(), 1e6)
        let rounded = Int((wanted + 3) / 8) * 8 + 8
        count = min(max(Self.smallest, rounded), limit, Self.largest)
        // In the second half in any case, which costs nothing, and a few probes from the end, for a sample that is not quite the last one.
        index = min(count - 3, max(count / 2, Int(wanted.rounded())))
        // Other hosts allocate during the burst, too: the next one gets the port.
        let own = Self.burstRate / (Self.burstRate + max(0, noise.rate))
        probability = Poisson.atMost(index, mean: mean(noise.rate)) * own
        probabilityOfSingle = Poisson.atMost(count - 1, mean: mean(noise.rate))
    }

    /// A window for a noise of so many allocations per second.
    package init?(noise: Double, time: Duration, limit: Int = Self.largest) {
        self.init(noise: NoiseEstimate(rate: noise, bound: noise), time: time, limit: limit)
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
