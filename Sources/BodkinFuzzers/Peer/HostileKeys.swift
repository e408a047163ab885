import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import Crypto

/// The keys of a hostile server, of the peer that it is hostile to, and of a few hostile remote peers. Made once for a run: they are costly.
struct HostileKeys {
    /// A hostile remote peer.
    struct Author {
        let identity: Identity
        let instance: InstanceID
        let factory: PathFactory
        var peer: PeerID { identity.peerID }
    }

    let server: CertificateIdentity
    let serverHash: [UInt8]
    let peer: Identity
    let authors: [Author]

    init(_ random: inout SplitMix64) throws {
        func identity() throws -> Identity { try Identity(Curve25519.Signing.PrivateKey(rawRepresentation: random.bytes(32))) }
        server = try CertificateIdentity(identity())
        serverHash = try server.publicKeyHash()
        peer = try identity()
        authors = try (0..<4).map { _ in
            let identity = try identity()
            return Author(
                identity: identity, instance: InstanceID(high: random.next(), low: random.next()),
                factory: try PathFactory(CertificateIdentity(identity)))
        }
    }
}
