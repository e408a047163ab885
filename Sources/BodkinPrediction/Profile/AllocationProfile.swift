public import BodkinCore

/// How a NAT gives out the external ports of TCP connections, or of UDP, as far as a check has seen.
public struct AllocationProfile: Hashable, Sendable {
    /// The address family.
    public var family: IPAddress.Family
    /// What explains the samples best.
    public var estimate: AllocationEstimate
    /// Whether a local port that was used towards several STUN endpoints had one external endpoint towards all of them; nil where none was.
    public var isSteady: Bool?
    /// How many probes were answered.
    public var sampleCount: Int
    /// How many addresses of the server were asked: with one alone, a mapping that depends on the address looks like one that depends on nothing.
    public var serverAddressCount: Int

    /// A profile from its parts.
    public init(
        family: IPAddress.Family, estimate: AllocationEstimate, isSteady: Bool? = nil, sampleCount: Int = 0, serverAddressCount: Int = 1
    ) {
        self.family = family
        self.estimate = estimate
        self.isSteady = isSteady
        self.sampleCount = sampleCount
        self.serverAddressCount = serverAddressCount
    }

    /// What samples from ports of the check's own show.
    public init(_ samples: [AllocationSample], family: IPAddress.Family, localAddresses: Set<IPAddress>) {
        let repeated = Dictionary(grouping: samples, by: \.localPort).values.filter { Set($0.map(\.destination)).count > 1 }
        self.init(
            family: family, estimate: AllocationEstimate(samples, localAddresses: localAddresses),
            isSteady: repeated.isEmpty ? nil : repeated.allSatisfy { Set($0.map(\.external)).count == 1 }, sampleCount: samples.count,
            serverAddressCount: Set(samples.map(\.destination.address)).count)
    }

    /// Whether a peer will see the port that a server sees; nil where that is not known.
    public var keepsEndpoint: Bool? { network.keepsEndpoint }

    /// What the oracle is told of it. What is steady for two ports of a server with one address is taken to be so for every destination, as the engine does: few
    /// NATs depend on the address alone.
    public var network: NATProfile {
        var estimate = estimate
        if estimate.mapping == .unknown, let isSteady { estimate.mapping = isSteady ? .endpointIndependent : .addressAndPortDependent }
        return NATProfile(estimate)
    }
}
