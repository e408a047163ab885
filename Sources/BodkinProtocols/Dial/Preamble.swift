package import BodkinCore

/// What the called side writes on a TCP connection that it opened itself, before any TLS: "I am here because of this attempt; you are the TLS client".
///
/// Without it, a dialer could not tell a connection that its called peer opened from one of another dialer: in both cases it has accepted a TCP
/// connection. The first byte tells a preamble (0x42) from a TLS record (0x14 to 0x17). A dialer that connected itself skips it.
package enum Preamble {
    /// How many bytes a preamble has.
    package static let size = 20
    private static let magic: [UInt8] = [0x42, 0x44, 0x4B, 0x01]  // "BDK", version 1

    /// The preamble of an attempt.
    package static func bytes(of attempt: AttemptID) -> [UInt8] { magic + attempt.bytes }

    /// What the first bytes of a connection are.
    package enum Reading: Hashable, Sendable {
        /// More bytes are needed.
        case incomplete
        /// A preamble.
        case attempt(AttemptID)
        /// TLS begins here.
        case tls
        /// Neither.
        case foreign
    }

    /// Tells what the first bytes of a connection are.
    package static func read(_ bytes: some Collection<UInt8>) -> Reading {
        guard let first = bytes.first else { return .incomplete }
        if (0x14...0x17).contains(first) { return .tls }
        guard zip(bytes, magic).allSatisfy({ $0 == $1 }) else { return .foreign }
        guard bytes.count >= size, let attempt = AttemptID(bytes: bytes.dropFirst(magic.count).prefix(16)) else { return .incomplete }
        return .attempt(attempt)
    }
}
