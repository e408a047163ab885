/// A moment on the lab's clock: nanoseconds since an arbitrary start, virtual in tests, monotonic in a running lab.
///
/// ```swift
/// let later = LabInstant.start.advanced(by: .milliseconds(25))
/// ```
public struct LabInstant: Hashable, Comparable, Sendable {
    /// Nanoseconds since the start of the clock.
    public var nanoseconds: Int64

    /// The moment so many nanoseconds after the start of the clock.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The start of the clock.
    public static let start = LabInstant(nanoseconds: 0)

    /// The moment `duration` later; stays at the end of the clock rather than overflow.
    public func advanced(by duration: Duration) -> LabInstant { advanced(byNanoseconds: duration.nanoseconds) }

    func advanced(byNanoseconds count: Int64) -> LabInstant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(count)
        return LabInstant(nanoseconds: overflow ? .max : sum)
    }

    /// The time from `earlier` to this moment.
    public func since(_ earlier: LabInstant) -> Duration { .nanoseconds(nanoseconds - earlier.nanoseconds) }

    /// Earlier before later.
    public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }
}

extension Duration {
    /// Whole nanoseconds, clamped to what 64 bits hold (292 years).
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }
}
