public import BodkinPrediction

/// A common kind of network that a peer may be in: what a network is graded by.
public enum FarNetwork: String, Hashable, Sendable, CaseIterable {
    /// A public address that anyone may connect to, or a port that is forwarded.
    case open = "public"
    /// A router that keeps one mapping for a port, as most do.
    case keeping = "port-keeping"
    /// A symmetric NAT that counts its ports up.
    case counting = "symmetric-counting"
    /// A symmetric NAT that draws its ports at random.
    case drawing = "symmetric-random"

    /// What the oracle is told of it.
    public var network: NATProfile {
        let estimate =
            switch self {
            case .open: AllocationEstimate(mapping: .none, allocation: .equal, confidence: 1)
            case .keeping: AllocationEstimate(mapping: .endpointIndependent, allocation: .equal, confidence: 1)
            case .counting: AllocationEstimate(mapping: .addressAndPortDependent, allocation: .sequential(delta: 1), confidence: 1, noise: .supposed)
            case .drawing: AllocationEstimate(mapping: .addressAndPortDependent, allocation: .random(1024...65535), confidence: 1)
            }
        var profile = NATProfile(estimate)
        profile.filtering = self == .open ? .endpointIndependent : .addressAndPortDependent
        (profile.acceptsSimultaneousOpen, profile.allowsAllPorts) = (true, true)
        return profile
    }

    /// Its name, for people.
    public var name: String {
        switch self {
        case .open: "a public machine"
        case .keeping: "a router that keeps its ports"
        case .counting: "a symmetric NAT that counts"
        case .drawing: "a symmetric NAT that draws at random"
        }
    }
}
