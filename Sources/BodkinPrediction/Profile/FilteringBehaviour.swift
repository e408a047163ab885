/// The senders that a NAT admits to a mapping (RFC 4787 section 5, RFC 5382 section 4.3).
public enum FilteringBehaviour: String, Hashable, Sendable, CaseIterable {
    /// Anyone.
    case endpointIndependent
    /// Any port of an address that the internal endpoint has sent to.
    case addressDependent
    /// Only an endpoint that the internal endpoint has sent to.
    case addressAndPortDependent
    /// It is not known.
    case unknown
}

/// The answer to a SYN that the NAT does not admit (RFC 5382 section 4.3 asks for silence).
public enum UnsolicitedReaction: String, Hashable, Sendable, CaseIterable {
    /// Nothing.
    case silence
    /// A TCP RST.
    case reset
    /// An ICMP error.
    case unreachable
    /// It is not known.
    case unknown

    /// Whether the remote side's SYN is answered at once by something that ends its attempt.
    package var isLoud: Bool { self == .reset || self == .unreachable }
}

/// The state that an RST from outside on a session deletes in the NAT.
public enum ResetLoss: String, Hashable, Sendable, CaseIterable {
    /// Nothing.
    case nothing
    /// The session; a mapping goes with its last one.
    case session
    /// The mapping with all its sessions.
    case mapping
    /// It is not known.
    case unknown
}
