/// Which process of an identity: 16 random bytes that live as long as the process. Sessions belong to a peer and an instance of it.
package struct InstanceID: Hashable, Sendable, CustomStringConvertible {
    /// The 16 bytes.
    package let bytes: [UInt8]

    /// An instance from its bytes; nil unless there are 16.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self.bytes = Array(bytes)
    }

    private init() { bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max) } }

    /// A new instance.
    package static func random() -> InstanceID { InstanceID() }

    /// Lower-case hexadecimal, 32 characters.
    package var description: String { bytes.hexadecimal }
}
