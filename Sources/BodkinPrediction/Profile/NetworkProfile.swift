public import BodkinCore

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
