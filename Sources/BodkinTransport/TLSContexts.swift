import BodkinCore
import NIOCore
package import NIOSSL

/// The five kinds of TLS endpoint there are: TLS 1.3 only, except towards a relay.
package enum TLSContexts {
    /// ALPN of a path between peers.
    package static let peerProtocol = "bodkin/1"
    /// ALPN of the rendezvous protocol.
    package static let rendezvousProtocol = "bodkin-rendezvous/1"
    /// ALPN of TURN (RFC 7443).
    private static let turnProtocol = "stun.turn"

    /// Either end of a path between peers, or a client of a rendezvous server whose key is known: who the other is, the verification callback decides.
    package static func client(_ identity: CertificateIdentity, protocol name: String) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        present(identity, in: &configuration, protocol: name)
        configuration.verifySignatureAlgorithms = everySignature
        configuration.trustRoots = .certificates([])
        configuration.certificateVerification = .noHostnameVerification
        return try NIOSSLContext(configuration: configuration)
    }

    /// A client of a rendezvous server that a public certificate authority vouches for.
    package static func clientOfNamedServer(_ identity: CertificateIdentity) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        present(identity, in: &configuration, protocol: rendezvousProtocol)
        configuration.verifySignatureAlgorithms = nil
        return try NIOSSLContext(configuration: configuration)
    }

    /// The end that is connected to: asks for a client certificate with an Ed25519 key.
    package static func server(_ identity: CertificateIdentity, protocol name: String) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: identity.chain.map { .certificate($0) }, privateKey: .privateKey(identity.privateKey))
        present(identity, in: &configuration, protocol: name)
        configuration.verifySignatureAlgorithms = [.ed25519]
        configuration.trustRoots = .certificates([])
        configuration.certificateVerification = .noHostnameVerification
        return try NIOSSLContext(configuration: configuration)
    }

    /// A client of a relay that has a key, or a name that a public certificate authority vouches for. coturn 4.6 has no TLS 1.3; what is relayed has its own.
    package static func relayClient(name: String, keyHash: [UInt8]?) throws -> NIOSSLClientHandler {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = [turnProtocol]
        let isAddress = IPAddress(name) != nil
        guard let keyHash else {
            return try NIOSSLClientHandler(context: NIOSSLContext(configuration: configuration), serverHostname: isAddress ? nil : name)
        }
        configuration.trustRoots = .certificates([])
        configuration.certificateVerification = .noHostnameVerification
        return try NIOSSLClientHandler(context: NIOSSLContext(configuration: configuration), serverHostname: isAddress ? nil : name) {
            certificates, promise in
            let hash = certificates.first.flatMap { try? CertificateIdentity.publicKeyHash(of: $0) }
            promise.succeed(hash == keyHash ? .certificateVerified : .failed)
        }
    }

    private static let everySignature: [SignatureAlgorithm] = [
        .ed25519, .ecdsaSecp256R1Sha256, .ecdsaSecp384R1Sha384, .rsaPssRsaeSha256, .rsaPssRsaeSha384, .rsaPssRsaeSha512,
    ]

    private static func present(_ identity: CertificateIdentity, in configuration: inout TLSConfiguration, protocol name: String) {
        configuration.minimumTLSVersion = .tlsv13
        configuration.certificateChain = identity.chain.map { .certificate($0) }
        configuration.privateKey = .privateKey(identity.privateKey)
        configuration.signingSignatureAlgorithms = identity.signatureAlgorithms
        configuration.applicationProtocols = [name]
        // A close is answered within a round trip or not at all; nothing waits for it.
        configuration.shutdownTimeout = .seconds(1)
    }
}
