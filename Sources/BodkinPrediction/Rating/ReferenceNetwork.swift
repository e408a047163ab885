/// A common kind of network; a check rates the local network by its connections to each of them.
public enum ReferenceNetwork: String, Hashable, Sendable, CaseIterable {
    /// A host with a public address, or with a forwarded port.
    case open = "public"
    /// A NAT with endpoint-independent mapping, as most home routers are.
    case fixed = "port-keeping"
    /// A symmetric NAT that allocates sequential ports.
    case sequential = "symmetric-counting"
    /// A symmetric NAT that allocates random ports.
    case random = "symmetric-random"

    /// The model of the network that an estimate takes.
    package var network: NATProfile {
        let estimate =
            switch self {
            case .open: AllocationEstimate(mapping: .none, allocation: .equal, confidence: 1)
            case .fixed: AllocationEstimate(mapping: .endpointIndependent, allocation: .equal, confidence: 1)
            case .sequential:
                AllocationEstimate(mapping: .addressAndPortDependent, allocation: .sequential(delta: 1), confidence: 1, noise: .supposed)
            case .random: AllocationEstimate(mapping: .addressAndPortDependent, allocation: .random(1024...65535), confidence: 1)
            }
        var profile = NATProfile(estimate)
        profile.filtering = self == .open ? .endpointIndependent : .addressAndPortDependent
        (profile.acceptsSimultaneousOpen, profile.allowsAllPorts) = (true, true)
        return profile
    }
}
