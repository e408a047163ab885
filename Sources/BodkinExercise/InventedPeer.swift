package import BodkinCore
package import BodkinProtocols
import Crypto
import FoundationEssentials

/// A remote peer that a server has invented: it has a key, and is nowhere.
package struct InventedPeer {
    private let key = Curve25519.Signing.PrivateKey()
    private let instance = InstanceID.random()
    /// Its ID.
    package var peer: PeerID { PeerID(publicKey: key.publicKey.rawRepresentation) ?? { preconditionFailure("a key has 32 bytes") }() }

    /// Invents one.
    package init() {}

    /// A Meet with it at these endpoints, which the server says that it has seen, and the peer that they are its own.
    package func meet(at endpoints: [Endpoint], server: [UInt8], now: UInt64) throws -> WireMeet {
        let card = Card(
            peer: peer, instance: instance, sequence: 1, server: server, expiry: now + 3_600_000,
            candidates: endpoints.map { Candidate(.serverReflexive, $0) })
        var meet = WireMeet()
        meet.attempt = Data(AttemptID.random().bytes)
        meet.peer = Data(peer.publicKey)
        meet.instance = Data(instance.bytes)
        meet.card = try card.signed(by: key)
        meet.observed = endpoints.map { WireTransportAddress($0) }
        meet.direct = true
        meet.intervalUs = 50_000
        return meet
    }
}
