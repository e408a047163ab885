public import BodkinCore

/// Conclusions from the findings of a check.
extension NetworkProfile {
    /// Whether the peer could register with the server.
    public var isRegistered: Bool {
        switch reachability {
        case .registered: true
        case .failed: false
        }
    }

    /// The port allocation in a family; nil if the check could not measure it.
    public func allocation(_ family: IPAddress.Family) -> AllocationProfile? { allocations.first { $0.family == family } }

    /// The model of this network that an estimate takes.
    package func network(_ family: IPAddress.Family) -> NATProfile {
        var network = allocation(family)?.network ?? NATProfile()
        if let filtering = filtering(family) { (network.filtering, network.unsolicited) = (filtering.behaviour, filtering.unsolicited) }
        if family == .v4 { (network.hairpin, network.isNested) = (hairpin, nesting?.isNested) }
        network.udp = datagrams(family)
        // A NAT may delete state later than the probe looks.
        if let loss = reset(family)?.loss, loss != .nothing { network.resetLoss = loss }
        return network
    }

    /// The behavior for UDP in a family; nil if the server has no address of the family.
    private func datagrams(_ family: IPAddress.Family) -> DatagramProfile? {
        guard let mapping = udp.first(where: { $0.family == family }) else { return nil }
        let filtering = udpFiltering.first { $0.family == family }?.behaviour
        return DatagramProfile(
            passes: mapping.kind != .blocked, estimate: udpAllocations.first { $0.family == family }?.network.estimate ?? AllocationEstimate(),
            filtering: filtering ?? .unknown)
    }

    /// The filtering at the reserved port in a family; nil if the check could not measure it.
    public func filtering(_ family: IPAddress.Family) -> FilteringProfile? { filtering.first { $0.family == family } }

    /// The state that an RST from outside deletes in a family; nil if the check could not measure it.
    public func reset(_ family: IPAddress.Family) -> ResetProfile? { resets.first { $0.family == family } }

    /// The sign of a CGN in a family; nil without one.
    public func cgnatIndicator(_ family: IPAddress.Family) -> CGNATIndicator? {
        guard family == .v4 else { return nil }
        return CGNATIndicator(own: interfaces.flatMap(\.addresses).map(\.address), allocation(family)?.estimate, nesting)
    }

    /// The grades for direct TCP connections, one for each address family of the server.
    public var grades: [NetworkGrade] {
        tcp.map { mapping in
            mapping.kind == .blocked
                ? NetworkGrade(blocked: mapping.family, isRegistered: isRegistered)
                : NetworkGrade(mapping.family, of: network(mapping.family), policy: policy)
        }
    }

    /// The measures that make direct connections more probable, the most effective first.
    public var recommendations: [Recommendation] { Recommendation.all(for: self) }
}
