/// One dial, as both sides and the rendezvous server name it.
package struct AttemptID: RandomIdentifier {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}
