package import BodkinCore
package import BodkinIdentity
import Crypto
package import NIOSSL

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
        chain = [try NIOSSLCertificate(bytes: SelfSignedCertificate.bytes(identity.privateKey), format: .der)]
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

    /// The peer whose certificate this is; nil where its key is no Ed25519 key.
    package static func peerID(of certificate: NIOSSLCertificate) -> PeerID? {
        let prefix = SelfSignedCertificate.keyPrefix
        guard let bytes = try? certificate.extractPublicKey().toSPKIBytes(), bytes.count == 44, bytes.starts(with: prefix) else { return nil }
        return PeerID(publicKey: bytes.dropFirst(prefix.count))
    }
}
