/// A transport address at which a peer may be reached (RFC 8445 section 5.1.1).
public struct Candidate: Hashable, Sendable, CustomStringConvertible {
    /// Where a candidate comes from.
    @nonexhaustive
    public enum Kind: String, Hashable, Sendable {
        /// An address of one of the peer's interfaces.
        case host
        /// The source of the peer's NAT binding, as a STUN server sees it.
        case serverReflexive = "server-reflexive"
    }

    /// Where it comes from.
    package let kind: Kind
    /// The address and the TCP port.
    package let endpoint: Endpoint

    /// A candidate from its parts.
    package init(_ kind: Kind, _ endpoint: Endpoint) {
        self.kind = kind
        self.endpoint = endpoint
    }

    /// `host 192.168.1.2:4000`.
    public var description: String { "\(kind.rawValue) \(endpoint)" }
}
