public import BodkinCore

/// The NATs and firewalls between a host and the Internet, as far as they matter for TCP connections from outside. A property that was not measured is nil or `unknown`.
///
/// ```swift
/// var profile = NATProfile(estimate)
/// profile.filtering = .addressAndPortDependent
/// print(profile.keepsEndpoint ?? "unknown")
/// ```
public struct NATProfile: Hashable, Sendable {
    /// How external endpoints are chosen, and which were seen.
    public var estimate: AllocationEstimate
    /// Who may send inwards.
    public var filtering = FilteringBehaviour.unknown
    /// What answers a SYN that is let in by nothing.
    public var unsolicited = UnsolicitedReaction.unknown
    /// What an RST from outside deletes.
    public var resetLoss = ResetLoss.unknown
    /// Whether a SYN from outside may meet one from inside, as RFC 5382 section 4.3 requires; otherwise only a SYN-ACK passes. Nil: it is not known.
    public var acceptsSimultaneousOpen: Bool?
    /// Whether connections to any port may go out, and not only to a few well-known ones. Nil: it is not known.
    public var allowsAllPorts: Bool?
    /// Whether two hosts inside reach each other by their external endpoints (RFC 5382 section 7.1). Nil: it is not known.
    public var hairpin: Bool?
    /// Whether there is more than one NAT on the way. Nil: it is not known.
    public var isNested: Bool?
    /// The behaviour towards UDP; nil: it is not known.
    public var udp: DatagramProfile?

    /// A profile of which everything but the estimate is unknown.
    public init(_ estimate: AllocationEstimate = AllocationEstimate()) { self.estimate = estimate }

    /// How internal endpoints are mapped.
    public var mapping: MappingBehaviour { estimate.mapping }
    /// How external ports are chosen.
    public var allocation: AllocationKind { estimate.allocation }
    /// The external addresses seen, in increasing order.
    public var addresses: [IPAddress] { estimate.addresses }

    /// Whether each mapping may get an address of its own (arbitrary pooling, which RFC 4787 section 4.1 advises against).
    public var hasSeveralAddresses: Bool { addresses.count > 1 }

    /// Whether a peer will see the same external endpoint of a local port as a server does: what matters, whatever the mapping is by the book.
    public var keepsEndpoint: Bool? {
        switch mapping {
        case .none, .endpointIndependent: true
        case .addressDependent, .addressAndPortDependent, .unknown:
            if allocation == .equal { !hasSeveralAddresses } else { mapping == .unknown ? nil : false }
        }
    }
}

/// The behaviour towards UDP.
public struct DatagramProfile: Hashable, Sendable {
    /// Whether datagrams go out and answers come back at all.
    public var passes: Bool
    /// How external endpoints are chosen.
    public var estimate: AllocationEstimate
    /// Who may send inwards.
    public var filtering: FilteringBehaviour

    /// A profile from its parts.
    public init(passes: Bool, estimate: AllocationEstimate = AllocationEstimate(), filtering: FilteringBehaviour = .unknown) {
        self.passes = passes
        self.estimate = estimate
        self.filtering = filtering
    }
}
