import BodkinCore
public import BodkinProtocols

/// The TURN relays of an operator, and the secrets that they share with the rendezvous server (the TURN REST API; `static-auth-secret` of coturn).
///
/// ```swift
/// let relays = TURNRelays([try TURNURI("turns:relay.example.org:443")], secrets: [Array("a shared secret".utf8)])
/// ```
///
/// Each peer has credentials of its own, so that the relay can limit what one peer takes.
public struct TURNRelays: Sendable, Hashable {
    /// The most relays, and the most secrets.
    public static let limits = (relays: 4, secrets: 2)

    /// The relays, in the operator's order.
    public let addresses: [TURNURI]
    /// The secrets, the newest first.
    private let secrets: [[UInt8]]
    /// How long credentials are good, in seconds. A relay need not end what they were used for.
    package var lifetime: UInt64 = 86_400

    /// Relays and secrets; nil where there are none, or too many. While a secret changes there are two, so that a relay that knows only one of them is of use.
    public init?(_ addresses: [TURNURI], secrets: [[UInt8]]) {
        guard (1...Self.limits.relays).contains(addresses.count), (1...Self.limits.secrets).contains(secrets.count),
            secrets.allSatisfy({ !$0.isEmpty })
        else { return nil }
        (self.addresses, self.secrets) = (addresses, secrets)
    }

    /// What a peer is told, at so many seconds since 1970.
    func message(for peer: PeerID, at time: UInt64) -> WireRelays {
        let name = peer.publicKey.prefix(8).hexadecimal
        var message = WireRelays()
        message.relays = addresses.flatMap { address in
            secrets.map { secret in
                let credential = TURNCredential.timeLimited(secret: secret, name: name, until: time + lifetime)
                var relay = WireRelay()
                relay.uri = "\(address)"
                relay.username = credential.username
                relay.password = credential.password
                return relay
            }
        }
        return message
    }
}
