public import BodkinCore

/// What an RST from outside deletes in the NAT that gives out the external ports, at once: a NAT before it that keeps them does not show, nor does one that waits, as
/// Linux does for 10 s.
public struct ResetProfile: Hashable, Sendable {
    /// A port's only connection was reset.
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

    /// One of a port's two connections was reset.
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
    /// Whether a port whose only connection was reset has the same endpoint outside right after; nil where each destination sees another one anyway, or where that was
    /// not to be found out.
    public var keepsEndpoint: Bool?
    /// Whether the port's other connections go on; nil where that was not to be found out.
    public var sparesOthers: Bool?
    /// What it deletes. A port that follows from the local one would be the same again, so that a NAT with such ports is unknown unless other connections die.
    public var loss: ResetLoss

    /// A profile from its parts.
    public init(family: IPAddress.Family, keepsEndpoint: Bool? = nil, sparesOthers: Bool? = nil, loss: ResetLoss = .unknown) {
        self.family = family
        self.keepsEndpoint = keepsEndpoint
        self.sparesOthers = sparesOthers
        self.loss = loss
    }

    /// What the experiments show, nil where one has come to nothing.
    package init(family: IPAddress.Family, lone: [Lone?], accompanied: Accompanied?, allocation: AllocationProfile?) {
        self.init(family: family)
        if allocation?.keepsEndpoint == true, !lone.isEmpty {
            let kept = lone.map { $0.map { $0.before == $0.after } }
            keepsEndpoint = kept.allSatisfy { $0 == true } ? true : kept.allSatisfy { $0 == false } ? false : nil
        }
        if let accompanied, accompanied.after != nil { sparesOthers = accompanied.isAlive }
        let kind = allocation?.estimate.allocation ?? .unknown
        switch (sparesOthers, keepsEndpoint) {
        // A port that would be another one, and is not: the mapping is there, and the connection has died of something else.
        case (false?, _) where accompanied?.after == accompanied?.before && !kind.followsLocalPort: loss = .unknown
        case (false?, _): loss = .mapping
        case (true?, false?): loss = .session
        case (true?, true?) where kind.isDrawnAnew: loss = .nothing
        case (true?, _), (nil, _): loss = .unknown
        }
    }
}

extension AllocationKind {
    /// Whether a local port has the same external one each time that it is free.
    fileprivate var followsLocalPort: Bool { externalPort(for: 40_000) != nil }

    /// Whether a second mapping of one local port has another external port for certain, or almost.
    fileprivate var isDrawnAnew: Bool {
        switch self {
        case .sequential, .dependent, .random, .block: true
        case .equal, .preserving, .unknown: false
        }
    }
}
