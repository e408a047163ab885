public import BodkinCore

/// An assessment of the local network and one remote peer over IPv4, from the ports of both.
public struct PairAssessment: Hashable, Sendable {
    /// The remote peer.
    public let peer: PeerID
    /// The time from the dial to the peer's answer over the circuit.
    public let time: Duration
    /// The forecast of the remote peer's ports; nil if it uses only circuits, has not measured yet, or does not support the query.
    public let told: PortForecast?
    /// The estimate of a direct connection.
    public let forecast: TraversalEstimate
    /// Whether both peers share one external address, so that their host candidates may connect.
    public let sharesAddress: Bool

    /// Assesses a pair.
    package init(_ peer: PeerID, after time: Duration, own: NATProfile, told: PortForecast?, policy: PunchPolicy = PunchPolicy()) {
        self.peer = peer
        self.time = time
        self.told = told
        forecast = told.map { TraversalEstimate(of: own, and: $0, policy: policy) } ?? TraversalEstimate(of: own, and: NATProfile(), policy: policy)
        sharesAddress = told.map { own.addresses.contains($0.address) } ?? false
    }
}
