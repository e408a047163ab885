package import BodkinCore
package import Crypto
import FoundationEssentials
import SwiftProtobuf

/// What a peer may be reached by, signed by the peer itself: the server passes it on and cannot change it.
package struct Card: Hashable, Sendable {
    /// The most candidates a card may have.
    package static let maximumCandidateCount = 8
    /// The longest serialised card, in bytes.
    package static let maximumSize = 2_048
    /// The length of an Ed25519 signature (RFC 8032 section 5.1.6), in bytes.
    package static let signatureSize = 64
    /// What the signature covers in front of the card, so that it can be taken for nothing else.
    private static let context = Array("bodkin card 1\0".utf8)

    /// Whose card it is.
    package var peer: PeerID
    /// Which process of that peer.
    package var instance: InstanceID
    /// Grows with every change.
    package var sequence: UInt64
    /// SHA-256 of the public key of the server that the card is for.
    package var server: [UInt8]
    /// Until when it is good: milliseconds since 1970, by the server's clock.
    package var expiry: UInt64
    /// Where the peer may be reached; at most 8.
    package var candidates: [Candidate]
    /// Whether every destination of the reserved port sees the endpoint that the server sees, over IPv4; false also if that is not known.
    package var keepsEndpoint: Bool

    /// A card from its parts.
    package init(
        peer: PeerID, instance: InstanceID, sequence: UInt64, server: [UInt8], expiry: UInt64, candidates: [Candidate], keepsEndpoint: Bool = false
    ) {
        self.peer = peer
        self.instance = instance
        self.sequence = sequence
        self.server = server
        self.expiry = expiry
        self.candidates = Array(candidates.prefix(Self.maximumCandidateCount))
        self.keepsEndpoint = keepsEndpoint
    }

    /// Why a card is refused.
    package enum Refusal: String, Error, Hashable, Sendable {
        /// A field is missing or out of bounds.
        case malformed
        /// The signature is not this peer's.
        case signature
        /// It is another peer's card.
        case foreign
        /// It was made for another server.
        case server
        /// It is no longer good.
        case expired
    }

    /// The card as it travels, signed.
    package func signed(by key: Curve25519.Signing.PrivateKey) throws -> WireSignedCard {
        var card = WireCard()
        card.peer = Data(peer.publicKey)
        card.instance = Data(instance.bytes)
        card.sequence = sequence
        card.server = Data(server)
        card.expiresMs = expiry
        card.candidates = candidates.map(WireCandidate.init)
        card.keepsEndpoint = keepsEndpoint
        var result = WireSignedCard()
        result.card = try card.serializedData()
        result.signature = try key.signature(for: Self.context + result.card)
        return result
    }

    /// Reads a card and checks everything about it.
    /// - Parameters:
    ///   - peer: whose it must be.
    ///   - server: the server that it must be for; nil for any.
    ///   - now: milliseconds since 1970 by the server's clock.
    package init(_ wire: WireSignedCard, of peer: PeerID, server: [UInt8]?, now: UInt64) throws(Refusal) {
        guard wire.card.count <= Self.maximumSize, let card = try? WireCard(serializedBytes: wire.card, options: EnvelopeFraming.decoding),
            let owner = PeerID(publicKey: card.peer), let instance = InstanceID(bytes: card.instance), card.server.count == 32,
            card.candidates.count <= Self.maximumCandidateCount
        else { throw .malformed }
        guard owner == peer else { throw .foreign }
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: Data(owner.publicKey)),
            wire.signature.count == Self.signatureSize, key.isValidSignature(wire.signature, for: Self.context + wire.card)
        else { throw .signature }
        guard server == nil || server.map({ card.server.elementsEqual($0) }) == true else { throw .server }
        guard card.expiresMs > now else { throw .expired }
        var candidates: [Candidate] = []
        for wire in card.candidates {
            guard let candidate = Candidate(wire) else { throw .malformed }
            candidates.append(candidate)
        }
        self.init(
            peer: owner, instance: instance, sequence: card.sequence, server: Array(card.server), expiry: card.expiresMs, candidates: candidates,
            keepsEndpoint: card.keepsEndpoint)
    }
}

extension WireCandidate {
    init(_ candidate: Candidate) {
        self.init()
        kind = candidate.kind == .host ? .host : .serverReflexive
        address = Data(candidate.endpoint.address.bytes)
        port = UInt32(candidate.endpoint.port)
    }
}

extension Candidate {
    init?(_ wire: WireCandidate) {
        guard let address = IPAddress(bytes: wire.address), let port = UInt16(exactly: wire.port), port > 0 else { return nil }
        switch wire.kind {
        case .host: self.init(.host, Endpoint(address, port))
        case .serverReflexive: self.init(.serverReflexive, Endpoint(address, port))
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }
}

extension WireTransportAddress {
    /// An endpoint as it travels.
    package init(_ endpoint: Endpoint) {
        self.init()
        address = Data(endpoint.address.bytes)
        port = UInt32(endpoint.port)
    }

    /// The endpoint; nil where it is none. An empty address stands for `host`.
    package func endpoint(host: IPAddress? = nil) -> Endpoint? {
        guard let port = UInt16(exactly: port), port > 0, let address = address.isEmpty ? host : IPAddress(bytes: address) else { return nil }
        return Endpoint(address, port)
    }
}
