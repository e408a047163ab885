extension PortForecast {
    /// The profile of a network with such ports. A NAT that gives each destination another port filters by the destination, too: the exceptions are rare.
    package var network: NATProfile {
        let (mapping, allocation): (MappingBehaviour, AllocationKind) =
            switch ports {
            case .fixed: (.endpointIndependent, .unknown)
            case .sequential(let delta, _, _): (.addressAndPortDependent, .sequential(delta: delta))
            case .random(let range, _, let isBlock): (.addressAndPortDependent, isBlock ? .block(range) : .random(range))
            case .unknown: (.unknown, .unknown)
            }
        var profile = NATProfile(AllocationEstimate(mapping: mapping, allocation: allocation, confidence: 1, addresses: [address]))
        if mapping == .addressAndPortDependent { profile.filtering = .addressAndPortDependent }
        return profile
    }
}
