/// A moment, as time since the start of whatever owns the clock. A machine is given instants and reads no clock.
///
/// ```swift
/// let deadline = now + .seconds(3)
/// if now >= deadline { … }
/// ```
package struct Instant: Hashable, Comparable, Sendable {
    /// The moment at which the clock began.
    package static let start = Instant(sinceStart: .zero)

    /// The time since the start.
    package var sinceStart: Duration

    /// A moment after the start.
    package init(sinceStart: Duration) { self.sinceStart = sinceStart }

    /// The earlier one is less.
    package static func < (left: Instant, right: Instant) -> Bool { left.sinceStart < right.sinceStart }
    /// The moment that is so much later.
    package static func + (instant: Instant, time: Duration) -> Instant { Instant(sinceStart: instant.sinceStart + time) }
    /// The moment that is so much earlier.
    package static func - (instant: Instant, time: Duration) -> Instant { Instant(sinceStart: instant.sinceStart - time) }
    /// The time from `right` to `left`; negative where `left` is the earlier one.
    package static func - (left: Instant, right: Instant) -> Duration { left.sinceStart - right.sinceStart }
}
