public import BodkinCore

/// The findings of a check about the network of this host.
public struct NetworkProfile: Sendable {
    /// Whether the peer can use the rendezvous server.
    public enum Reachability: Sendable {
        /// The peer registered; TLS and registration together took this long.
        case registered(after: Duration)
        /// The server cannot be used, because of this error.
        case failed(any Error)
    }

    /// The interfaces that are up.
    public var interfaces: [NetworkInterface]
    /// The default routes.
    public var routes: [DefaultRoute]
    /// Whether the server can be used.
    public var reachability: Reachability
    /// The mapping of TCP, for each address family of the server.
    public var tcp: [MappingProfile]
    /// The mapping of UDP, for each address family of the server.
    public var udp: [MappingProfile]
    /// The allocation of TCP ports, for each family in which the check could measure it.
    public var allocations: [AllocationProfile] = []
    /// The filtering at the reserved port, for each family in which the server dialed back.
    public var filtering: [FilteringProfile] = []
    /// Whether two ports of this host reach each other by their external endpoints, over IPv4; nil if the check could not measure it.
    public var hairpin: Bool?
    /// The state that an RST from outside deletes, for each family in which the check could measure it.
    public var resets: [ResetProfile] = []
    /// The NATs between this host and its external address, over IPv4; nil if the check could not measure them.
    public var nesting: NestingProfile?
    /// The allocation of UDP ports, for each family in which the check could measure it.
    public var udpAllocations: [AllocationProfile] = []
    /// The filtering of UDP, for each family in which the server could answer from another address.
    public var udpFiltering: [FilteringProfile] = []
    /// The limits of this peer for port prediction.
    package var policy = PunchPolicy()

    /// A profile from its parts.
    package init(
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
