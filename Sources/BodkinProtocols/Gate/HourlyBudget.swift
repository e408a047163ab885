import BodkinCore

/// A budget that refills over an hour: so many at once, and then one more each `3600 s / limit`. It remembers one moment alone.
struct HourlyBudget: Sendable {
    /// The time over which an empty budget refills.
    static let period = Duration.seconds(3600)

    /// When the budget is full again.
    private var fullAt = Instant.start

    /// Whether one more may be spent.
    func hasRoom(_ limit: Int, at now: Instant) -> Bool { limit > 0 && max(fullAt, now) + Self.period / limit - now <= Self.period }

    /// Spends one.
    mutating func spend(_ limit: Int, at now: Instant) { fullAt = max(fullAt, now) + Self.period / max(limit, 1) }

    /// Whether nothing was spent that has not come back since.
    func isFull(at now: Instant) -> Bool { fullAt <= now }
}
