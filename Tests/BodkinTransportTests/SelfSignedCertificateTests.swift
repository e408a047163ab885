import Crypto
import NIOSSL
import Testing

@testable import BodkinTransport

/// The certificate that peers and servers make of their key.
@Suite("The self-signed certificate")
struct SelfSignedCertificateTests {
    /// The secret key of RFC 8032 section 7.1, test 1, and its public key.
    private static let secret: [UInt8] = [
        0x9D, 0x61, 0xB1, 0x9D, 0xEF, 0xFD, 0x5A, 0x60, 0xBA, 0x84, 0x4A, 0xF4, 0x92, 0xEC, 0x2C, 0xC4, 0x44, 0x49, 0xC5, 0x69, 0x7B, 0x32, 0x69,
        0x19,
        0x70, 0x3B, 0xAC, 0x03, 0x1C, 0xAE, 0x7F, 0x60,
    ]

    @Test("has the key, the name and the dates that BoringSSL reads, and its own signature")
    func content() throws {
        let key = try Curve25519.Signing.PrivateKey(rawRepresentation: Self.secret)
        let bytes = try SelfSignedCertificate.bytes(key)
        let certificate = try NIOSSLCertificate(bytes: bytes, format: .der)
        #expect(try Array(certificate.extractPublicKey().toSPKIBytes()) == SelfSignedCertificate.keyPrefix + key.publicKey.rawRepresentation)
        #expect(certificate.notValidBefore == 0 && certificate.notValidAfter == 253_402_300_799)
        #expect(certificate.serialNumber == [1] && "\(certificate)".contains("bodkin"))
        #expect(try certificate.toDERBytes() == bytes)
        // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm (7 bytes), signatureValue (3 bytes and 64) }
        #expect(bytes.count == 211 && key.publicKey.isValidSignature(bytes.suffix(64), for: bytes[3..<137]))
    }
}
