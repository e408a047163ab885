import Crypto

/// The user name with which a peer authenticates its connections to the STUN ports: made from the key of the credential, so that nobody else can claim it.
package struct BindingName: Hashable, Sendable, CustomStringConvertible {
    private static let context = Array("bodkin stun name 1\0".utf8)
    private static let size = 16

    /// 16 bytes.
    package let bytes: [UInt8]

    /// The name that belongs to a key: the first 16 bytes of SHA-256 over "bodkin stun name 1", a zero byte, and the key.
    package init(key: some Sequence<UInt8>) { bytes = Array(SHA256.hash(data: Self.context + key).prefix(Self.size)) }

    /// Reads 32 hexadecimal characters.
    package init?(_ text: String) {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == 2 * Self.size, text.utf8.count == 2 * Self.size else { return nil }
        bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// Lower-case hex, as USERNAME has it.
    package var description: String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// The credential of a key.
    package static func credential(key: [UInt8]) throws(STUNError) -> STUNCredential {
        try STUNCredential(username: BindingName(key: key).description, key: key)
    }
}
