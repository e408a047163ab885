/// The identity of a peer: its Ed25519 public key, in a form that people can copy and that reveals typos.
///
/// The text is 56 lower-case base32 characters (RFC 4648 section 6, without padding) of a version byte, the 32 bytes of the key, and a CRC-16. The CRC
/// detects every single wrong character and every swap of neighbors.
///
/// ```swift
/// let peer = try PeerID("ahlvvgabqkyqvn6vjp7nhslea45a5yls6pnkmizfv4bbu2hxa5irusre")
/// ```
public struct PeerID: Hashable, Sendable {
    /// Why a text is no peer ID.
    public struct ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        /// The kind of failure.
        @nonexhaustive
        public enum Code: Hashable, Sendable {
            /// It has another length than 56 characters.
            case length(Int)
            /// A character that base32 does not have.
            case character(Character)
            /// The checksum does not fit: a character is wrong.
            case checksum
            /// A version that this program does not know.
            case version(UInt8)
        }

        /// The kind.
        public let code: Code

        /// An error of this kind.
        package init(code: Code) { self.code = code }

        /// One line: what is wrong, and what to do next.
        public var description: String {
            switch code {
            case .length(let count): "A peer ID has 56 characters, and this one has \(count). Copy the whole ID."
            case .character(let character): "A peer ID has only a to z and 2 to 7, and this one has '\(character)'. Copy the ID again."
            case .checksum: "The peer ID has a typo. Copy the ID again."
            case .version(let number): "This program does not know version \(number) of peer IDs. Install a newer version of the program."
            }
        }
    }

    /// The Ed25519 public key (RFC 8032), 32 bytes.
    public let publicKey: [UInt8]

    private static let version: UInt8 = 1

    /// The ID of a public key; nil unless it has 32 bytes.
    public init?(publicKey: some Collection<UInt8>) {
        guard publicKey.count == 32 else { return nil }
        self.publicKey = Array(publicKey)
    }

    /// Reads the text form; capitals are accepted.
    /// - Throws: ``ParseError``.
    public init(_ text: String) throws(ParseError) {
        guard text.count == 56 else { throw ParseError(code: .length(text.count)) }
        let bytes = try Base32.decode(text)
        guard bytes.count == 35, CRC16.of(bytes[..<33]) == UInt16(bytes[33]) << 8 | UInt16(bytes[34]) else { throw ParseError(code: .checksum) }
        guard bytes[0] == Self.version else { throw ParseError(code: .version(bytes[0])) }
        publicKey = Array(bytes[1..<33])
    }
}

extension PeerID: CustomStringConvertible {
    /// The text form.
    public var description: String {
        let body = [Self.version] + publicKey
        let checksum = CRC16.of(body)
        return Base32.encode(body + [UInt8(checksum >> 8), UInt8(checksum & 0xFF)])
    }
}

extension PeerID: Comparable {
    /// By the bytes of the key, so that two peers agree on who is first.
    public static func < (left: Self, right: Self) -> Bool { left.publicKey.lexicographicallyPrecedes(right.publicKey) }
}

/// CRC-16 with the polynomial 0x1021 and the start value 0xFFFF (ITU-T V.41): recognises every error of up to 16 bits in a row.
enum CRC16 {
    static func of(_ bytes: some Sequence<UInt8>) -> UInt16 {
        bytes.reduce(0xFFFF) { sum, byte in
            (0..<8).reduce(sum ^ UInt16(byte) << 8) { value, _ in value & 0x8000 == 0 ? value << 1 : value << 1 ^ 0x1021 }
        }
    }
}

/// Base32 (RFC 4648 section 6) in lower case, without padding.
enum Base32 {
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")

    /// Encodes a multiple of five bytes.
    static func encode(_ bytes: [UInt8]) -> String {
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 5) {
            let group = bytes[start..<min(start + 5, bytes.count)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            for shift in stride(from: 35, through: 0, by: -5) { text.append(alphabet[Int(group >> UInt64(shift) & 31)]) }
        }
        return text
    }

    /// Decodes a multiple of eight characters.
    static func decode(_ text: String) throws(PeerID.ParseError) -> [UInt8] {
        var bytes: [UInt8] = []
        var group: UInt64 = 0
        for (index, character) in text.lowercased().enumerated() {
            guard let value = alphabet.firstIndex(of: character) else { throw PeerID.ParseError(code: .character(character)) }
            group = group << 5 | UInt64(value)
            guard index % 8 == 7 else { continue }
            for shift in stride(from: 32, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: group >> UInt64(shift))) }
            group = 0
        }
        return bytes
    }
}
