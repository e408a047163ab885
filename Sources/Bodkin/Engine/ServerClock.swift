import FoundationEssentials
import NIOCore

/// The server's clock, which alone decides about the expiry of cards: ours, until the server has told its own. From then on steps of ours change nothing.
struct ServerClock {
    private var told: (milliseconds: UInt64, at: NIODeadline)?

    /// Milliseconds since 1970 by the server's clock, as far as we know it.
    func now(at moment: NIODeadline) -> UInt64 {
        guard let told else { return UInt64(max(Date().timeIntervalSince1970 * 1000, 0)) }
        return told.milliseconds &+ UInt64(clamping: (moment - told.at).nanoseconds / 1_000_000)
    }

    /// The server has told its time. Returns by how much it differs from what was thought.
    @discardableResult
    mutating func set(_ milliseconds: UInt64, at moment: NIODeadline) -> Duration {
        let before = now(at: moment)
        told = (milliseconds, moment)
        let difference = before > milliseconds ? before - milliseconds : milliseconds - before
        return .milliseconds(Int64(clamping: difference))
    }
}
