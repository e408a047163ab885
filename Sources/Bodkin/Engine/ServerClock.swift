import FoundationEssentials

/// The server's clock, which alone decides about the expiry of cards: ours, until the server has told its own.
struct ServerClock {
    private var offset: Int64 = 0

    /// Milliseconds since 1970, ours.
    private static var local: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    /// Milliseconds since 1970 by the server's clock, as far as we know it.
    var now: UInt64 { UInt64(clamping: Self.local.addingReportingOverflow(offset).partialValue) }

    /// The server has told its time.
    mutating func set(_ milliseconds: UInt64) {
        offset = Int64(clamping: milliseconds).subtractingReportingOverflow(Self.local).partialValue
    }
}
