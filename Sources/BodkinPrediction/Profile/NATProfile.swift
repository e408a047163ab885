package import BodkinCore

/// The NATs and firewalls between a host and the Internet, as far as they matter for TCP connections from outside. A property that was not measured is nil or `unknown`.
///
/// ```swift
/// var profile = NATProfile(estimate)
/// profile.filtering = .addressAndPortDependent
/// print(profile.keepsEndpoint ?? "unknown")
/// ```
package struct NATProfile: Hashable, Sendable {
    /// How external endpoints are chosen, and which were seen.
    package var estimate: AllocationEstimate
    /// Who may send inwards.
    package var filtering = FilteringBehaviour.unknown
    /// What answers a SYN that is let in by nothing.
    package var unsolicited = UnsolicitedReaction.unknown
    /// What an RST from outside deletes.
    package var resetLoss = ResetLoss.unknown
    /// Whether a SYN from outside may meet one from inside, as RFC 5382 section 4.3 requires; otherwise only a SYN-ACK passes. Nil: it is not known.
    package var acceptsSimultaneousOpen: Bool?
    /// Whether connections to any port may go out, and not only to a few well-known ones. Nil: it is not known.
    package var allowsAllPorts: Bool?
    /// Whether two hosts inside reach each other by their external endpoints (RFC 5382 section 7.1). Nil: it is not known.
    package var hairpin: Bool?
    /// Whether there is more than one NAT on the way. Nil: it is not known.
    package var isNested: Bool?
    /// The behaviour towards UDP; nil: it is not known.
    package var udp: DatagramProfile?

    /// A profile of which everything but the estimate is unknown.
    package init(_ estimate: AllocationEstimate = AllocationEstimate()) { self.estimate = estimate }

    /// How internal endpoints are mapped.
    package var mapping: MappingBehaviour { estimate.mapping }
    /// How external ports are chosen.
    package var allocation: AllocationKind { estimate.allocation }
    /// The external addresses seen, in increasing order.
    package var addresses: [IPAddress] { estimate.addresses }

    /// Whether each mapping may get an address of its own (arbitrary pooling, which RFC 4787 section 4.1 advises against).
    package var hasSeveralAddresses: Bool { addresses.count > 1 }

    /// Whether a peer will see the same external endpoint of a local port as a server does: what matters, whatever the mapping is by the book.
    package var keepsEndpoint: Bool? {
        switch mapping {
        case .none, .endpointIndependent: true
        case .addressDependent, .addressAndPortDependent, .unknown:
            if allocation == .equal { !hasSeveralAddresses } else { mapping == .unknown ? nil : false }
        }
    }
}

/// The behaviour towards UDP.
package struct DatagramProfile: Hashable, Sendable {
    /// Whether datagrams go out and answers come back at all.
    package var passes: Bool
    /// How external endpoints are chosen.
    package var estimate: AllocationEstimate
    /// Who may send inwards.
    package var filtering: FilteringBehaviour

    /// A profile from its parts.
    package init(passes: Bool, estimate: AllocationEstimate = AllocationEstimate(), filtering: FilteringBehaviour = .unknown) {
        self.passes = passes
        self.estimate = estimate
        self.filtering = filtering
    }
}
