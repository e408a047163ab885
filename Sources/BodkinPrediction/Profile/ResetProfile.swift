public import BodkinCore

/// The state that an RST from outside deletes at once in the NAT that allocates the external ports. A NAT before it with fixed ports does not show, nor does a NAT that waits, as
/// Linux does for 10 s.
public struct ResetProfile: Hashable, Sendable {
    /// The result of a reset of a port's only connection.
    package struct Lone: Hashable, Sendable {
        /// The external endpoint before the RST.
        package var before: Endpoint
        /// The external endpoint of the next connection from the same port.
        package var after: Endpoint

        /// A result from its parts.
        package init(before: Endpoint, after: Endpoint) {
            self.before = before
            self.after = after
        }
    }

    /// The result of a reset of one of a port's two connections.
    package struct Accompanied: Hashable, Sendable {
        /// The external endpoint of the other connection.
        package var before: Endpoint
        /// Whether the other connection still had an answer after the RST.
        package var isAlive: Bool
        /// The external endpoint of a third connection from the same port; nil without an answer, because then the network may be silent.
        package var after: Endpoint?

        /// A result from its parts.
        package init(before: Endpoint, isAlive: Bool, after: Endpoint?) {
            self.before = before
            self.isAlive = isAlive
            self.after = after
        }
    }

    /// The address family.
    public var family: IPAddress.Family
    /// Whether a port has the same external endpoint right after a reset of its only connection. It is nil if each destination sees a different one anyway, or if
    /// the check could not measure it.
    public var keepsEndpoint: Bool?
    /// Whether the port's other connections survive; nil if the check could not measure it.
    public var sparesOthers: Bool?
    /// The state that the RST deletes. If the external port follows from the local one, the loss is unknown unless other connections end, because the NAT allocates
    /// the same port again.
    public var loss: ResetLoss

    /// A profile from its parts.
    package init(family: IPAddress.Family, keepsEndpoint: Bool? = nil, sparesOthers: Bool? = nil, loss: ResetLoss = .unknown) {
        self.family = family
        self.keepsEndpoint = keepsEndpoint
        self.sparesOthers = sparesOthers
        self.loss = loss
    }

    /// The profile that follows from the experiments; a failed one is nil.
    package init(family: IPAddress.Family, lone: [Lone?], accompanied: Accompanied?, allocation: AllocationProfile?) {
        self.init(family: family)
        if allocation?.keepsEndpoint == true, !lone.isEmpty {
            let isSame = lone.map { $0.map { $0.before == $0.after } }
            keepsEndpoint = isSame.allSatisfy { $0 == true } ? true : isSame.allSatisfy { $0 == false } ? false : nil
        }
        if let accompanied, accompanied.after != nil { sparesOthers = accompanied.isAlive }
        let kind = allocation?.estimate.allocation ?? .unknown
        switch (sparesOthers, keepsEndpoint) {
        // The NAT would have allocated another port and did not, so the mapping exists, and the connection has ended for another reason.
        case (false?, _) where accompanied?.after == accompanied?.before && !kind.followsLocalPort: loss = .unknown
        case (false?, _): loss = .mapping
        case (true?, false?): loss = .session
        case (true?, true?) where kind.isAllocatedAfresh: loss = .nothing
        case (true?, _), (nil, _): loss = .unknown
        }
    }
}

extension AllocationKind {
    /// Whether a local port has the same external one each time that it is free.
    fileprivate var followsLocalPort: Bool { externalPort(for: 40_000) != nil }

    /// Whether a second mapping of one local port has another external port for certain, or almost.
    fileprivate var isAllocatedAfresh: Bool {
        switch self {
        case .sequential, .dependent, .random, .block: true
        case .equal, .preserving, .unknown: false
        }
    }
}
