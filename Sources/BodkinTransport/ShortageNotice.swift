package import NIOCore
import Synchronization

/// Says when a shortage is told: once, and again where it is there a minute later. A shortage of descriptors comes and goes with each connection that ends.
package final class ShortageNotice: Sendable {
    private static let interval = TimeAmount.minutes(1)
    private let toldAt = Mutex<NIODeadline?>(nil)

    /// A shortage that was never told.
    package init() {}

    /// Whether to tell it now; from any thread.
    package func isDue(at now: NIODeadline) -> Bool {
        toldAt.withLock { toldAt in
            if let toldAt, now < toldAt + Self.interval { return false }
            toldAt = now
            return true
        }
    }
}
