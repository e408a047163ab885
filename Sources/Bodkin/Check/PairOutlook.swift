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
    public let forecast: TraversalEstimate
    /// Whether both stand behind one outside address: then their own addresses may be a way.
    public let sharesAddress: Bool

    /// Judges a pair.
    public init(_ peer: PeerID, after time: Duration, own: NATProfile, told: PortForecast?, policy: PunchPolicy = PunchPolicy()) {
        self.peer = peer
        self.time = time
        self.told = told
        forecast = told.map { TraversalEstimate(of: own, and: $0, policy: policy) } ?? TraversalEstimate(of: own, and: NATProfile(), policy: policy)
        sharesAddress = told.map { own.addresses.contains($0.address) } ?? false
    }
}
