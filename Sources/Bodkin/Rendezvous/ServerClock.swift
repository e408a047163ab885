import BodkinCore

/// The server's clock, which alone decides about the expiry of cards: the peer's own until the server has told its time. From then on steps of the peer's clock
/// change nothing.
struct ServerClock {
    private var told: (milliseconds: UInt64, at: Instant)

    /// The peer's own clock, which shows `localTime` (milliseconds since 1970) at `now`.
    init(localTime: UInt64, at now: Instant) { told = (localTime, now) }

    /// Milliseconds since 1970 by the server's clock, as far as the peer knows it.
    func time(at now: Instant) -> UInt64 { told.milliseconds &+ UInt64(clamping: Int64(clamping: (now - told.at).milliseconds)) }

    /// The server has told its time. Returns by how much it differs from what was thought.
    mutating func set(_ milliseconds: UInt64, at now: Instant) -> Duration {
        let before = time(at: now)
        told = (milliseconds, now)
        let difference = before > milliseconds ? before - milliseconds : milliseconds - before
        return .milliseconds(Int64(clamping: difference))
    }
}

extension Duration {
    /// Whole milliseconds.
    fileprivate var milliseconds: Int64 { components.seconds &* 1000 &+ components.attoseconds / 1_000_000_000_000_000 }
}
