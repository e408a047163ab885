import BodkinCore

/// The identifier of a session, chosen by the dialer.
package struct SessionID: RandomIdentifier {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}
