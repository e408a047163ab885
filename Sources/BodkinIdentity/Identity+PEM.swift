import Crypto
import FoundationEssentials

/// The key as PKCS #8 in PEM (RFC 8410, RFC 7468), which OpenSSL and others read.
extension Identity {
    /// What precedes the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410 section 7).
    private static let prefix: [UInt8] = [0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]
    private static let begin = "-----BEGIN PRIVATE KEY-----"
    private static let end = "-----END PRIVATE KEY-----"

    /// The secret key as PEM.
    public var pem: String {
        let bytes = Data(Self.prefix) + privateKey.rawRepresentation
        return "\(Self.begin)\n\(bytes.base64EncodedString())\n\(Self.end)\n"
    }

    /// Reads the PEM form.
    init(pem: String) throws(IdentityError) {
        let lines = pem.split(whereSeparator: \.isNewline).map(String.init)
        guard lines.first == Self.begin, lines.last == Self.end, let bytes = Data(base64Encoded: lines.dropFirst().dropLast().joined()),
            bytes.count == Self.prefix.count + 32, bytes.starts(with: Self.prefix),
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes.dropFirst(Self.prefix.count))
        else { throw IdentityError(.unreadable, "The identity is not an Ed25519 key in PEM. Restore it from a copy, or remove it to get a new one.") }
        try self.init(key)
    }
}
