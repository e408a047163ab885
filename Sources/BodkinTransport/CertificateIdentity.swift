package import BodkinCore
package import BodkinIdentity
import Crypto
import FoundationEssentials
package import NIOSSL
import SwiftASN1
import X509

/// The certificate of an identity: self-signed, from the same Ed25519 key. Nothing in it is checked but the key.
package struct CertificateIdentity: Sendable {
    /// The certificates to present.
    package let chain: [NIOSSLCertificate]
    /// The key of the first certificate.
    package let privateKey: NIOSSLPrivateKey
    /// The signature algorithms that a handshake with this key needs.
    let signatureAlgorithms: [SignatureAlgorithm]?

    /// The certificate of a peer or of a server with a self-made key.
    package init(_ identity: Identity) throws {
        let key = Certificate.PrivateKey(identity.privateKey)
        let name = try DistinguishedName { CommonName("bodkin") }
        // The dates say nothing, so that no clock can make them wrong (RFC 5280 section 4.1.2.5 knows this end of time).
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(bytes: [1]), publicKey: key.publicKey,
            notValidBefore: Date(timeIntervalSince1970: 0), notValidAfter: Date(timeIntervalSince1970: 253_402_300_799),
            issuer: name, subject: name, signatureAlgorithm: .ed25519, extensions: Certificate.Extensions(), issuerPrivateKey: key)
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        chain = [try NIOSSLCertificate(bytes: serializer.serializedBytes, format: .der)]
        privateKey = try NIOSSLPrivateKey(bytes: Array(identity.pem.utf8), format: .pem)
        signatureAlgorithms = [.ed25519]
    }

    /// An operator's certificate, with the chain that signed it, and its key: files in PEM.
    package init(certificateFile: String, keyFile: String) throws {
        chain = try NIOSSLCertificate.fromPEMFile(certificateFile)
        privateKey = try NIOSSLPrivateKey(file: keyFile, format: .pem)
        signatureAlgorithms = nil
    }

    /// SHA-256 of the SubjectPublicKeyInfo: what a rendezvous URL carries.
    package func publicKeyHash() throws -> [UInt8] {
        guard let first = chain.first else { return [] }
        return try Self.publicKeyHash(of: first)
    }

    /// SHA-256 of a certificate's SubjectPublicKeyInfo.
    package static func publicKeyHash(of certificate: NIOSSLCertificate) throws -> [UInt8] {
        Array(SHA256.hash(data: try certificate.extractPublicKey().toSPKIBytes()))
    }

    /// Whether a chain is of the kind that peers and servers make themselves: one certificate, with an Ed25519 key.
    static func isSelfMade(_ chain: [NIOSSLCertificate]) -> Bool { chain.count == 1 && chain.first.flatMap { peerID(of: $0) } != nil }

    /// What precedes the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410 section 4).
    private static let prefix: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]

    /// The peer whose certificate this is; nil where its key is no Ed25519 key.
    package static func peerID(of certificate: NIOSSLCertificate) -> PeerID? {
        guard let bytes = try? certificate.extractPublicKey().toSPKIBytes(), bytes.count == 44, bytes.starts(with: prefix) else { return nil }
        return PeerID(publicKey: bytes.dropFirst(prefix.count))
    }
}
