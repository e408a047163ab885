public import BodkinCore

/// How a NAT allocates external ports over TCP or UDP, as far as a check has measured it.
public struct AllocationProfile: Hashable, Sendable {
    /// The address family.
    public var family: IPAddress.Family
    /// The allocation that explains the samples best.
    public var estimate: AllocationEstimate
    /// Whether one local port had the same external endpoint towards several STUN endpoints; nil if no port was used towards several.
    public var isSteady: Bool?
    /// The number of probes with an answer.
    public var sampleCount: Int
    /// The number of the server's addresses that answered. One address alone cannot tell address-dependent from endpoint-independent mapping.
    public var serverAddressCount: Int

    /// A profile from its parts.
    package init(
        family: IPAddress.Family, estimate: AllocationEstimate, isSteady: Bool? = nil, sampleCount: Int = 0, serverAddressCount: Int = 1
    ) {
        self.family = family
        self.estimate = estimate
        self.isSteady = isSteady
        self.sampleCount = sampleCount
        self.serverAddressCount = serverAddressCount
    }

    /// The profile that follows from samples.
    package init(_ samples: [AllocationSample], family: IPAddress.Family, localAddresses: Set<IPAddress>) {
        let repeated = Dictionary(grouping: samples, by: \.localPort).values.filter { Set($0.map(\.destination)).count > 1 }
        self.init(
            family: family, estimate: AllocationEstimate(samples, localAddresses: localAddresses),
            isSteady: repeated.isEmpty ? nil : repeated.allSatisfy { Set($0.map(\.external)).count == 1 }, sampleCount: samples.count,
            serverAddressCount: Set(samples.map(\.destination.address)).count)
    }

    /// Whether a remote peer sees the port that the server sees; nil if unknown.
    public var keepsEndpoint: Bool? { network.keepsEndpoint }

    /// The model of this NAT for an estimate. A mapping that is the same for two ports of one server address counts as endpoint-independent, because few NATs depend
    /// on the address alone.
    package var network: NATProfile {
        var estimate = estimate
        if estimate.mapping == .unknown, let isSteady { estimate.mapping = isSteady ? .endpointIndependent : .addressAndPortDependent }
        return NATProfile(estimate)
    }
}
