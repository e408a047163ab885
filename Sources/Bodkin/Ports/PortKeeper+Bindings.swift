import BodkinCore

/// The NAT bindings: a connection from each port to the server's STUN port for each family and interface, which keeps a mapping that the server has seen.
extension PortKeeper {
    /// Makes the bindings of the reserved port that are not there.
    mutating func bindReserved() { if let reserved { bind(reserved) } }

    /// Makes the bindings of a port that are not there.
    mutating func bind(_ id: PortID) {
        guard let families = ports.first(where: { $0.id == id })?.families else { return }
        var seen = Set(bindings.filter { $0.port == id }.map { way($0.family, $0.interface, $0.local) })
        for route in routes where families.contains(route.server.address.family) {
            guard seen.insert(way(route.server.address.family, route.interface)).inserted else { continue }
            makeBinding(id, route)
        }
    }

    /// Names a family and the interface that a connection leaves by. One that was bound to no interface goes on by the one that it left by.
    private func way(_ family: IPAddress.Family, _ interface: String?, _ local: IPAddress? = nil) -> String {
        "\(family) \(attachments.wayOut(family, bound: interface, local: local) ?? "")"
    }

    mutating func update(_ id: BindingID, _ change: (inout Binding) -> Void) {
        guard let index = bindings.firstIndex(where: { $0.id == id }) else { return }
        change(&bindings[index])
    }

    mutating func observed(_ id: BindingID, _ endpoint: Endpoint, at now: Instant) {
        guard let binding = bindings.first(where: { $0.id == id }), let port = ports.first(where: { $0.id == binding.port }) else { return }
        update(id) { ($0.observed, $0.observedAt) = (endpoint, now) }
        switch port.purpose {
        case .reserved:
            failureCount = 0
            act(.mapped)
        case .dial(let dial): act(.dialPortMapped(dial))
        case .former: break
        }
    }

    mutating func lost(_ id: BindingID, at now: Instant) {
        guard let index = bindings.firstIndex(where: { $0.id == id }) else { return }
        let binding = bindings.remove(at: index)
        guard binding.port == reserved else { return }
        if let observedAt = binding.observedAt {
            replace(after: now - observedAt, at: now)
        } else {
            retry(at: now)
        }
        act(.unmapped)
    }

    /// The bindings that never came about, or whose port is kept, are tried again, with exponential back-off.
    mutating func retry(at now: Instant) {
        guard retryAt == nil else { return }
        retryAt = now + min(Self.retryPauses.longest, Self.retryPauses.first * (1 << min(failureCount, 6)))
        failureCount += 1
    }

    /// Ends the reserved port's bindings that lead where the server is not: to an address that has not answered, or that is none of the server's any more.
    mutating func leaveOthers(than address: IPAddress) {
        let others = bindings.filter { binding in
            binding.port == reserved && binding.family == address.family && binding.server != address
                && (binding.observed == nil || !routes.contains { $0.server.address == binding.server })
        }
        bindings.removeAll { binding in others.contains { $0.id == binding.id } }
        for binding in others { act(.abandon(binding.id)) }
        if others.contains(where: { $0.observed != nil }) { act(.unmapped) }
    }

    /// Makes at once anew every binding that left from an address that is gone, or has not come through yet.
    mutating func leave(_ assigned: Set<IPAddress>) {
        let gone = bindings.filter { binding in binding.local.map { !assigned.contains($0) } ?? true }.map(\.id)
        bindings.removeAll { gone.contains($0.id) }
        for id in gone { act(.abandon(id)) }
        (failureCount, retryAt) = (0, nil)
        for port in ports where port.purpose != .former { bind(port.id) }
    }
}
