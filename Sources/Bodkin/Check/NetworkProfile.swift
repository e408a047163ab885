public import BodkinCore
public import BodkinPrediction
public import BodkinSystem

/// What the network here looks like to a peer: what a check finds out.
public struct NetworkProfile: Sendable {
    /// Whether peers can meet at the server from here.
    public enum Reachability: Sendable {
        /// Registered: TLS and registration together took this long.
        case registered(after: Duration)
        /// The server cannot be used, and why.
        case failed(any Error)
    }

    /// The interfaces that are up.
    public var interfaces: [NetworkInterface]
    /// The ways out.
    public var routes: [DefaultRoute]
    /// Whether the server can be used.
    public var reachability: Reachability
    /// How TCP is mapped, for each family that the server has an address of.
    public var tcp: [MappingProfile]
    /// How UDP is mapped.
    public var udp: [MappingProfile]
    /// How ports of TCP connections are given out, for each family in which that could be looked at.
    public var allocations: [AllocationProfile] = []
    /// What the reserved port lets in, for each family in which the server has connected back.
    public var filtering: [FilteringProfile] = []
    /// Whether two ports of this machine reach each other by their outside endpoints, over IPv4; nil where that was not to be found out.
    public var hairpin: Bool?
    /// What an RST from outside deletes, for each family in which that could be looked at.
    public var resets: [ResetProfile] = []
    /// What stands between this machine and its outside address, over IPv4; nil where that was not to be found out.
    public var nesting: NestingProfile?
    /// How ports are given out over UDP, for each family in which that could be looked at.
    public var udpAllocations: [AllocationProfile] = []
    /// What a UDP port lets in, for each family in which the server could answer from elsewhere.
    public var udpFiltering: [FilteringProfile] = []
    /// What this machine is ready to do for a direct path.
    public var policy = PunchPolicy()

    /// A profile from its parts.
    public init(
        interfaces: [NetworkInterface], routes: [DefaultRoute], reachability: Reachability, tcp: [MappingProfile], udp: [MappingProfile],
        allocations: [AllocationProfile] = [], filtering: [FilteringProfile] = [], hairpin: Bool? = nil
    ) {
        self.interfaces = interfaces
        self.routes = routes
        self.reachability = reachability
        self.tcp = tcp
        self.udp = udp
        self.allocations = allocations
        self.filtering = filtering
        self.hairpin = hairpin
    }
}

/// How a NAT maps one local port, as several STUN endpoints see it (RFC 5780 section 4.3).
public struct MappingProfile: Hashable, Sendable {
    /// What one STUN endpoint saw.
    public struct Sample: Hashable, Sendable {
        /// Who was asked.
        public var server: Endpoint
        /// What it saw; nil where no answer came.
        public var mapped: Endpoint?

        /// A sample from its parts.
        public init(server: Endpoint, mapped: Endpoint?) {
            self.server = server
            self.mapped = mapped
        }
    }

    /// What the mapping depends on.
    public enum Kind: String, Hashable, Sendable {
        /// No STUN endpoint answered.
        case blocked
        /// The local endpoint is the public one.
        case none
        /// The same for every destination: what the server sees is what a peer will see.
        case endpointIndependent = "endpoint-independent"
        /// Another one for each destination.
        case endpointDependent = "endpoint-dependent"
        /// One answer alone does not tell.
        case unknown
    }

    /// The address family.
    public var family: IPAddress.Family
    /// The local endpoint that asked; nil where there was none.
    public var local: Endpoint?
    /// The answers, in the order in which they were asked for.
    public var samples: [Sample]

    /// A profile from its parts.
    public init(family: IPAddress.Family, local: Endpoint?, samples: [Sample]) {
        self.family = family
        self.local = local
        self.samples = samples
    }

    /// The distinct endpoints that were seen, in order.
    public var mapped: [Endpoint] {
        samples.compactMap(\.mapped).reduce(into: []) { list, endpoint in if !list.contains(endpoint) { list.append(endpoint) } }
    }

    /// What the mapping depends on.
    public var kind: Kind {
        let answers = samples.compactMap(\.mapped)
        guard let first = answers.first else { return .blocked }
        if mapped.count > 1 { return .endpointDependent }
        if first == local { return .none }
        return answers.count > 1 ? .endpointIndependent : .unknown
    }

    /// Whether the outside port is the local one, everywhere; nil where nothing is known.
    public var preservesPort: Bool? {
        guard let local, !mapped.isEmpty else { return nil }
        return mapped.allSatisfy { $0.port == local.port }
    }
}
