public import BodkinCore
public import Crypto

/// The identity of a peer: an Ed25519 key (RFC 8032), and the `PeerID` of its public half.
///
/// ```swift
/// let identity = try Identity.loadOrCreate(in: "/home/me/.local/state/bodkin")
/// print(identity.peerID)
/// ```
public struct Identity: Sendable {
    /// The ID of the peer.
    public let peerID: PeerID
    /// The secret half.
    public let privateKey: Curve25519.Signing.PrivateKey

    /// The identity of a key.
    public init(_ privateKey: Curve25519.Signing.PrivateKey) throws(IdentityError) {
        guard let peerID = PeerID(publicKey: privateKey.publicKey.rawRepresentation) else {
            throw IdentityError(.unreadable, "The key is not an Ed25519 key. Create another identity.")
        }
        self.peerID = peerID
        self.privateKey = privateKey
    }

    /// A new identity, from the system's random numbers.
    public static func create() throws(IdentityError) -> Identity { try Identity(Curve25519.Signing.PrivateKey()) }
}

/// Why an identity cannot be had.
public struct IdentityError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure.
    @nonexhaustive
    public enum Code: String, Sendable, Hashable {
        /// There is no identity at that place.
        case missing
        /// There is one already, which is not overwritten.
        case exists
        /// Others may read the secret key.
        case exposed
        /// The file holds no identity.
        case unreadable
        /// The system refused access.
        case system
    }

    /// The kind.
    public let code: Code
    /// One line: what failed, and what to do next.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
