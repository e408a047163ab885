import BodkinCore

/// Faults, applied between two packets.
extension EmulatedNetwork {
    /// The reason why a fault is impossible.
    public enum FaultRefusal: Error, Hashable {
        /// No host or box has that name.
        case unknownTarget
        /// The target is no box that translates, and no host behind one.
        case needsNAT
        /// The address is taken or not one that a NAT can have.
        case unusableAddress
    }

    /// The name of the box that a fault of this target means: a box itself, or the nearest one above a host.
    func box(meantBy name: String) -> Int? {
        guard let node = node(name) else { return nil }
        if nodes[node].kind == .emulated || nodes[node].kind == .kernel { return node }
        return nodes[node].parent > 0 ? nodes[node].parent : nil
    }

    /// Applies a fault, and returns the name of the interface or box that it hit. A kernel NAT's own state is the driver's to
    /// change; here its links are.
    @discardableResult
    public mutating func apply(_ fault: Fault, at now: LabInstant) throws(FaultRefusal) -> String {
        advance(to: now)
        guard let target = node(fault.target) else { throw .unknownTarget }
        let box = box(meantBy: fault.target)
        var place = target
        switch fault {
        case .reboot:
            guard let box else { throw .needsNAT }
            tables[box]?.reboot()
            place = box
        case .addressChange(_, let address):
            guard let box, let old = tables[box]?.externalAddress else { throw .needsNAT }
            try changeAddress(of: box, from: old, to: address)
            place = box
        case .link(_, let isUp):
            nodes[target].up.isUp = isUp
            nodes[target].down.isUp = isUp
        case .blackhole(_, let isUpward, let time):
            if isUpward {
                nodes[target].up.blackholedUntil = now.advanced(by: time)
            } else {
                nodes[target].down.blackholedUntil = now.advanced(by: time)
            }
        case .loss(_, let probability, let time):
            nodes[target].up.burst = (probability, now.advanced(by: time))
            nodes[target].down.burst = (probability, now.advanced(by: time))
        case .family(_, let family, let isCarried):
            if isCarried {
                nodes[target].up.broken.remove(family)
                nodes[target].down.broken.remove(family)
            } else {
                nodes[target].up.broken.insert(family)
                nodes[target].down.broken.insert(family)
            }
        case .reset(_, let remote):
            place = box ?? target
            nodes[place].reset = PendingReset(remote: remote)
        }
        record(.fault(fault.summary), nil, at: place, now)
        return nodes[place].name
    }

    private mutating func changeAddress(of box: Int, from old: IPAddress, to address: IPAddress) throws(FaultRefusal) {
        // Everyone above who knows the old address: the parent, and where the parent is a firewall, its parent too.
        var route: [(node: Int, child: Int)] = []
        var child = box
        while nodes[child].parent >= 0, nodes[nodes[child].parent].childByAddress[old] == child {
            route.append((nodes[child].parent, child))
            child = nodes[child].parent
        }
        let isTaken = route.contains { nodes[$0.node].childByAddress[address] != nil || nodes[$0.node].insideAddresses.contains(address) }
        // Not "this network", loopback, multicast or reserved (RFC 6890).
        guard let first = address.v4.map({ $0 >> 24 }), first != 0, first != 127, first < 224, !isTaken else { throw .unusableAddress }
        for (node, child) in route {
            nodes[node].childByAddress[old] = nil
            nodes[node].childByAddress[address] = child
        }
        nodes[box].outsideAddresses = [address] + nodes[box].outsideAddresses.filter { $0 != old }
        tables[box]?.reboot(externalAddress: address)
    }
}
