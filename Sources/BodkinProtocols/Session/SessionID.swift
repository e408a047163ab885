/// The identifier of a session: 16 random bytes, chosen by the dialer.
package struct SessionID: Hashable, Sendable, CustomStringConvertible {
    /// The 16 bytes.
    package let bytes: [UInt8]

    /// A session ID from its bytes; nil unless there are 16.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self.bytes = Array(bytes)
    }

    /// A new session ID.
    package static func random() -> SessionID {
        var generator = SystemRandomNumberGenerator()
        return SessionID((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Lower-case hexadecimal, 32 characters.
    package var description: String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
