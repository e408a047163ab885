package import BodkinCore
package import BodkinProtocols
import FoundationEssentials
package import NIOCore

/// A Register that has been checked: the signature takes longer than everything else here, and is judged before the broker's turn.
package struct Registration: Sendable {
    /// The card, as it travels: built from the checked card and its signature.
    package let card: WireSignedCard
    /// Its sequence number.
    package let sequence: UInt64
    /// Until when it is good, by the monotonic clock.
    package let expiry: NIODeadline
    /// Who may dial.
    package let admission: Admission
    /// The key of the STUN connections' credential, and its user name.
    package let stunKey: [UInt8]
    package let stunName: BindingName
    /// How many STUN connections are being authenticated.
    package let expectedBindings: Int

    /// Who may dial a peer.
    package enum Admission: Sendable, Equatable {
        /// Nobody.
        case nobody
        /// Those who are listed.
        case listed(KeyList)
        /// Anybody.
        case anyone

        /// Whether `peer` may.
        package func admits(_ peer: PeerID) -> Bool {
            switch self {
            case .nobody: false
            case .listed(let peers): peers.contains(peer)
            case .anyone: true
            }
        }
    }

    /// The memory that it takes.
    package var byteCount: Int {
        let list = if case .listed(let peers) = admission { peers.byteCount } else { 0 }
        return card.card.count + card.signature.count + stunKey.count + list
    }

    /// The longest a card may be good: a day, and an hour for the journey and the clock's steps.
    package static let longestLifetime: UInt64 = 25 * 3_600_000
    /// The most STUN connections of an instance: two families, two interfaces.
    package static let maximumBindings = MessageBound.observedCount
    /// The most peers of a list.
    package static let maximumListCount = 1_000

    /// Why a Register is refused.
    package struct Refusal: Error, Equatable {
        /// The kind.
        package let code: WireFailure.Code
        /// What to do about it.
        package let message: String
    }

    /// Checks a Register.
    /// - Parameters:
    ///   - peer: the owner of the connection's key.
    ///   - instance: the instance that said Hello.
    ///   - server: SHA-256 of the server's public key.
    ///   - wallClock: milliseconds since 1970.
    ///   - now: the same moment by the monotonic clock.
    package init(
        _ wire: WireRegister, of peer: PeerID, instance: InstanceID, server: [UInt8], wallClock: UInt64, now: NIODeadline
    ) throws(Refusal) {
        let checked: Card
        do {
            checked = try Card(wire.card, of: peer, server: server, now: wallClock)
        } catch {
            throw Refusal(error)
        }
        guard checked.instance == instance else {
            throw Refusal(code: .card, message: "The card belongs to another instance. Sign one for the instance of the hello.")
        }
        let lifetime = checked.expiry - wallClock
        guard lifetime <= Self.longestLifetime else {
            throw Refusal(code: .expired, message: "The card is valid for more than 25 hours. Sign one by this server's clock, for a day at most.")
        }
        guard (16...64).contains(wire.stunKey.count) else {
            throw Refusal(code: .protocol, message: "The STUN key has a wrong length. Use 16 to 64 bytes.")
        }
        guard let card = wire.card.rebuilt else { throw Refusal(.malformed) }
        self.card = card
        sequence = checked.sequence
        expiry = now + .milliseconds(Int64(lifetime))
        admission = try Admission(wire.policy)
        stunKey = Array(wire.stunKey)
        stunName = BindingName(key: stunKey)
        expectedBindings = min(Int(wire.expectedBindings), Self.maximumBindings)
    }
}

extension Registration.Refusal {
    init(_ refusal: Card.Refusal) {
        switch refusal {
        case .expired: self.init(code: .expired, message: "The card has expired. Sign one by this server's clock, which is in this message.")
        case .server: self.init(code: .card, message: "The card is for another server. Sign one with this server's key hash.")
        case .foreign: self.init(code: .card, message: "The card belongs to another peer. Sign one with the key of this connection.")
        case .signature: self.init(code: .card, message: "The signature of the card is wrong. Sign the card with the key of this connection.")
        case .malformed: self.init(code: .card, message: "The card is malformed. See docs/wire.md for its fields and bounds.")
        }
    }
}

extension Registration.Admission {
    init(_ wire: WirePolicy) throws(Registration.Refusal) {
        switch wire.admission {
        case .anyone: self = .anyone
        case .listed:
            guard wire.peers.count <= Registration.maximumListCount else {
                throw Registration.Refusal(code: .tooLarge, message: "The policy lists more than 1000 peers. List fewer.")
            }
            self = .listed(KeyList(wire.peers.lazy.compactMap { PeerID(publicKey: $0) }))
        // What a later version may add is not known to be harmless.
        case .nobody, .UNRECOGNIZED: self = .nobody
        }
    }
}
