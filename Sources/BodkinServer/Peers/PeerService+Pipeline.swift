import BodkinTransport
import NIOCore
import NIOSSL

extension PeerService {
    /// Adds the handlers of a peer's connection to a channel.
    func addHandlers(to channel: any Channel, _ context: NIOSSLContext) throws {
        let verifier: NIOSSLCustomVerificationCallback = { certificates, promise in promise.succeed(Self.judge(certificates)) }
        guard let place = driver.places.place(of: channel) else { return channel.close(promise: nil) }
        let limit = HandshakeLimit { [places = driver.places] in places.beginHandshake(place, $0, $1) }
        let envelopes = EnvelopeHandler()
        try channel.pipeline.syncOperations.addHandlers(
            limit, NIOSSLServerHandler(context: context, customVerificationCallback: verifier), envelopes,
            PeerConnection(self, envelopes, place, handshakeLimit: limit))
    }

    /// A peer has one certificate, with an Ed25519 key.
    static func judge(_ certificates: [NIOSSLCertificate]) -> NIOSSLVerificationResult {
        guard certificates.count == 1, CertificateIdentity.peerID(of: certificates[0]) != nil else { return .failed }
        return .certificateVerified
    }
}
