package import NIOCore

/// A rate with a burst: so many units a second, saved up to a bound. Pure; time is a parameter.
package struct TokenBucket: Sendable {
    private let rate: Double
    package let burst: Double
    private var level: Double
    private var updated: NIODeadline

    /// A full bucket.
    package init(rate: Double, burst: Double, now: NIODeadline) {
        self.rate = max(rate, 0)
        self.burst = max(burst, 0)
        level = self.burst
        updated = now
    }

    /// Takes `count` units; false, and takes nothing, unless they are there.
    package mutating func take(_ count: Double = 1, now: NIODeadline) -> Bool {
        refill(now)
        guard level >= count else { return false }
        level -= count
        return true
    }

    /// Takes `count` units whether they are there or not: what is missing is a debt that later units pay.
    package mutating func charge(_ count: Double, now: NIODeadline) {
        refill(now)
        level -= count
    }

    /// How long until there is no debt.
    package mutating func debt(now: NIODeadline) -> TimeAmount {
        refill(now)
        guard level < 0 else { return .zero }
        guard rate > 0 else { return .hours(1) }
        return .nanoseconds(Int64(min(-level / rate, 3600) * 1e9) + 1)
    }

    /// What is there.
    package mutating func level(now: NIODeadline) -> Double {
        refill(now)
        return level
    }

    /// What is not there.
    package mutating func deficit(now: NIODeadline) -> Double { burst - level(now: now) }

    /// How long until `wanted` units are there; an hour at most.
    package mutating func delay(until wanted: Double = 1, now: NIODeadline) -> TimeAmount {
        refill(now)
        guard level < wanted else { return .zero }
        return rate > 0 ? .nanoseconds(Int64(min((wanted - level) / rate, 3600) * 1e9) + 1) : .hours(1)
    }

    /// Whether nothing has been taken that has not come back.
    package func isFull(now: NIODeadline) -> Bool {
        var later = self
        later.refill(now)
        return later.level >= burst
    }

    private mutating func refill(_ now: NIODeadline) {
        guard now > updated else { return }
        level = min(burst, level + rate * Double((now - updated).nanoseconds) / 1e9)
        updated = now
    }
}
