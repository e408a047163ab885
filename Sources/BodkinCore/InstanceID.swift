/// Which process of an identity; it lives as long as the process. Sessions belong to a peer and an instance of it.
package struct InstanceID: RandomIdentifier {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
}
