package import NIOCore

/// A rate for each key. Pure; time is a parameter.
///
/// The memory is bounded: keys whose bucket is full are forgotten. If there are too many others, a new one has no rate of its own.
package struct RateTable<Key: Hashable & Sendable>: Sendable {
    /// How many buckets there are at most: some 6 MiB.
    private static var capacity: Int { 65_536 }

    private let rate: Double
    private let burst: Double
    private var buckets: [Key: TokenBucket] = [:]
    private var sweepCount = 1_024
    private var sweptAt = NIODeadline.distantPast

    /// Rates for keys of width 1; a wider key has its width times as much.
    package init(rate: Double, burst: Double) {
        self.rate = rate
        self.burst = burst
    }

    /// How many buckets there are.
    package var count: Int { buckets.count }

    /// Takes `cost` for all keys, or for none. A key that has no bucket yet gets one only if those before it have enough.
    package mutating func take(_ keys: [(key: Key, width: Int)], _ cost: Double = 1, now: NIODeadline) -> Bool {
        if buckets.count >= sweepCount, now > sweptAt + .seconds(1) { sweep(now) }
        var taken: [(Key, TokenBucket)] = []
        for (key, width) in keys {
            guard var bucket = buckets[key] ?? fresh(width, now) else { continue }
            guard bucket.take(cost, now: now) else { return false }
            taken.append((key, bucket))
        }
        for (key, bucket) in taken { buckets[key] = bucket }
        return true
    }

    private func fresh(_ width: Int, _ now: NIODeadline) -> TokenBucket? {
        guard buckets.count < Self.capacity else { return nil }
        return TokenBucket(rate: rate * Double(width), burst: burst * Double(width), now: now)
    }

    private mutating func sweep(_ now: NIODeadline) {
        sweptAt = now
        buckets = buckets.filter { !$0.value.isFull(now: now) }
        // Twice as many may come before the next one, so that the work is spread.
        sweepCount = min(max(2 * buckets.count, 1_024), Self.capacity)
    }
}

extension RateTable where Key == Account {
    /// Takes `cost` for all accounts of a source, or for none. The widest comes first: a provider's rate bounds how many buckets its sites have.
    package mutating func take(_ accounts: [Account], _ cost: Double = 1, now: NIODeadline) -> Bool {
        take(accounts.reversed().map { ($0, $0.width) }, cost, now: now)
    }
}
