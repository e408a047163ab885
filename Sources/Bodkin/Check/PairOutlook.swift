public import BodkinCore
public import BodkinPrediction

/// What is to be expected between this network and one peer's, over IPv4: both sides' ports, and the oracle's word on them.
public struct PairOutlook: Hashable, Sendable {
    /// Who it is.
    public let peer: PeerID
    /// From the dial to the peer's answer over the circuit.
    public let time: Duration
    /// What the peer says of its ports; nil where it tells nothing: it is relay-only, knows nothing yet, or does not know the question.
    public let told: PortForecast?
    /// What the oracle says.
    public let forecast: Forecast
    /// Whether both stand behind one outside address: then their own addresses may be a way.
    public let sharesAddress: Bool

    /// Judges a pair.
    public init(_ peer: PeerID, after time: Duration, own: NATProfile, told: PortForecast?, policy: PunchPolicy = PunchPolicy()) {
        self.peer = peer
        self.time = time
        self.told = told
        forecast = Forecast(of: own, and: told?.network ?? NATProfile(), policy: policy)
        sharesAddress = told.map { own.addresses.contains($0.address) } ?? false
    }
}

extension PortForecast {
    /// What the oracle is told of whoever has such ports. Who gives each destination another one filters by the destination, too: the exceptions are rare.
    public var network: NATProfile {
        let (mapping, allocation): (MappingBehaviour, AllocationKind) =
            switch ports {
            case .kept: (.endpointIndependent, .unknown)
            case .counted(let delta, _, _): (.addressAndPortDependent, .sequential(delta: delta))
            case .drawn(let range, _, let isBlock): (.addressAndPortDependent, isBlock ? .block(range) : .random(range))
            case .unknown: (.unknown, .unknown)
            }
        var profile = NATProfile(AllocationEstimate(mapping: mapping, allocation: allocation, confidence: 1, addresses: [address]))
        if mapping == .addressAndPortDependent { profile.filtering = .addressAndPortDependent }
        return profile
    }
}
