public import BodkinCore
public import BodkinPrediction
import BodkinSystem

/// What follows from what a check has found.
extension NetworkProfile {
    /// Whether the server can be used.
    public var isRegistered: Bool {
        switch reachability {
        case .registered: true
        case .failed: false
        }
    }

    /// How ports are given out in a family; nil where that was not to be found out.
    public func allocation(_ family: IPAddress.Family) -> AllocationProfile? { allocations.first { $0.family == family } }

    /// What the oracle is told of this network.
    public func network(_ family: IPAddress.Family) -> NATProfile {
        var network = allocation(family)?.network ?? NATProfile()
        if let filtering = filtering(family) { (network.filtering, network.unsolicited) = (filtering.behaviour, filtering.unsolicited) }
        if family == .v4 { (network.hairpin, network.isNested) = (hairpin, nesting?.isNested) }
        network.udp = datagrams(family)
        // That nothing is lost at once does not say that nothing is lost.
        if let loss = reset(family)?.loss, loss != .nothing { network.resetLoss = loss }
        return network
    }

    /// The behaviour towards UDP in a family; nil where the server has no address of it.
    private func datagrams(_ family: IPAddress.Family) -> DatagramProfile? {
        guard let mapping = udp.first(where: { $0.family == family }) else { return nil }
        let filtering = udpFiltering.first { $0.family == family }?.behaviour
        return DatagramProfile(
            passes: mapping.kind != .blocked, estimate: udpAllocations.first { $0.family == family }?.network.estimate ?? AllocationEstimate(),
            filtering: filtering ?? .unknown)
    }

    /// What the reserved port lets in over a family; nil where that was not to be found out.
    public func filtering(_ family: IPAddress.Family) -> FilteringProfile? { filtering.first { $0.family == family } }

    /// What an RST from outside deletes in a family; nil where that was not to be found out.
    public func reset(_ family: IPAddress.Family) -> ResetProfile? { resets.first { $0.family == family } }

    /// By what a carrier's NAT shows in a family; nil where nothing does.
    public func carrierSign(_ family: IPAddress.Family) -> CarrierSign? {
        guard family == .v4 else { return nil }
        return CarrierSign(own: interfaces.flatMap(\.addresses).map(\.address), allocation(family)?.estimate, nesting)
    }

    /// How good the network is for direct TCP connections, for each family that the server has an address of.
    public var grades: [NetworkGrade] {
        tcp.map { mapping in
            mapping.kind == .blocked
                ? NetworkGrade(blocked: mapping.family, isRegistered: isRegistered)
                : NetworkGrade(mapping.family, of: network(mapping.family), policy: policy)
        }
    }

    /// What would make direct connections likelier, the most effective first.
    public var improvements: [Improvement] { Improvement.all(for: self) }
}
