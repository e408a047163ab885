import Crypto

/// The self-signed certificate of an Ed25519 key (RFC 5280, RFC 8410) in DER. Nothing in it is checked but the key, so everything else is the same in all of them.
enum SelfSignedCertificate {
    /// `id-Ed25519` as an AlgorithmIdentifier (RFC 8410 section 3).
    private static let algorithm: [UInt8] = [0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70]
    /// `CN=bodkin` as a Name.
    private static let name: [UInt8] = [0x30, 0x11, 0x31, 0x0F, 0x30, 0x0D, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0C, 0x06] + Array("bodkin".utf8)
    /// From 1970 to the end of time in RFC 5280 section 4.1.2.5, so that no clock can make the certificate invalid.
    private static let validity: [UInt8] =
        [0x30, 0x20, 0x17, 0x0D] + Array("700101000000Z".utf8) + [0x18, 0x0F] + Array("99991231235959Z".utf8)
    /// The bytes before the 32 bytes of the key in a SubjectPublicKeyInfo (RFC 8410 section 4).
    static let keyPrefix: [UInt8] = [0x30, 0x2A] + algorithm + [0x03, 0x21, 0x00]

    /// Returns the certificate of a key.
    static func bytes(_ key: Curve25519.Signing.PrivateKey) throws -> [UInt8] {
        let version: [UInt8] = [0xA0, 0x03, 0x02, 0x01, 0x02]
        let serialNumber: [UInt8] = [0x02, 0x01, 0x01]
        let content = sequence(
            version + serialNumber + algorithm + name + validity + name + keyPrefix + Array(key.publicKey.rawRepresentation))
        return sequence(content + algorithm + [0x03, 0x41, 0x00] + Array(try key.signature(for: content)))
    }

    /// Returns a SEQUENCE of 128 to 255 bytes (X.690 section 8.1.3.5).
    private static func sequence(_ content: [UInt8]) -> [UInt8] { [0x30, 0x81, UInt8(truncatingIfNeeded: content.count)] + content }
}
