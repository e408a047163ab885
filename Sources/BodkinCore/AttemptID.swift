/// One dial, as both sides and the rendezvous server name it: 16 random bytes.
package struct AttemptID: Hashable, Sendable, CustomStringConvertible {
    /// The 16 bytes.
    package let bytes: [UInt8]

    /// An attempt from its bytes; nil unless there are 16.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self.bytes = Array(bytes)
    }

    private init() { bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max) } }

    /// A new attempt.
    package static func random() -> AttemptID { AttemptID() }

    /// Lower-case hexadecimal, 32 characters.
    package var description: String { bytes.hexadecimal }
}
