import BodkinCore

/// When ports are opened, replaced and closed.
extension PortKeeper {
    mutating func opened(_ id: PortID, _ families: [IPAddress.Family]) {
        guard let index = ports.firstIndex(where: { $0.id == id }) else { return act(.close(id)) }
        let purpose = ports[index].purpose
        let former = purpose == .reserved ? reserved : nil
        ports[index].families = families
        if let former { retire(former) }
        switch purpose {
        case .dial(let dial):
            act(.dialPortOpened(dial))
            bind(id)
        case .reserved where former != nil:
            act(.replaced)
            bind(id)
        case .reserved, .former:
            bind(id)
            act(.reserved)
        }
    }

    mutating func openFailed(_ id: PortID, at now: Instant) {
        guard let index = ports.firstIndex(where: { $0.id == id }) else { return }
        let port = ports.remove(at: index)
        guard port.purpose == .reserved else { return }
        if reserved == nil { act(.fail) } else { retry(at: now) }
    }

    /// A port that others were told of goes on listening, and its mappings stay: closed first, they would be gone for those who come by them.
    private mutating func retire(_ id: PortID) {
        for index in ports.indices where ports[index].id == id { ports[index].purpose = .former }
        let formers = ports.filter { $0.purpose == .former }.map(\.id)
        for former in formers.dropLast(Self.formerLimit.ports) {
            ports.removeAll { $0.id == former }
            act(.close(former))
        }
        // The bindings of a port that listens no more stay as well. When there are too many, the oldest ones are ended.
        let kept = Set(ports.filter { $0.purpose != .former }.map(\.id))
        for binding in bindings.filter({ !kept.contains($0.port) }).dropLast(Self.formerLimit.bindings) {
            bindings.removeAll { $0.id == binding.id }
            act(.release(binding.id))
        }
    }

    /// A mapping is lost that has lived for so long.
    mutating func replace(after life: Duration, at now: Instant) {
        // The same port again, not at once: whatever ended the connection may still be there.
        guard isFree else { return retry(at: now) }
        shortLifeCount = life < Self.shortLife.time ? shortLifeCount + 1 : 0
        guard shortLifeCount > Self.shortLife.limit else { return rotate() }
        guard rotationAt == nil else { return }
        let pause = Self.retryPauses.first * (1 << min(shortLifeCount - Self.shortLife.limit - 1, 6))
        rotationAt = now + min(Self.retryPauses.longest, pause)
    }

    /// Takes another port, beside the present one until it is there.
    mutating func rotate() {
        guard isFree, reserved != nil, !ports.contains(where: { $0.purpose == .reserved && $0.families == nil }) else { return }
        rotationAt = nil
        open(.reserved)
    }

    /// A port for one dial alone. A port that the user has chosen is the only one that firewalls let through.
    mutating func openPort(for dial: AttemptID) {
        let owners = ports.compactMap { if case .dial(let owner) = $0.purpose { owner } else { nil } }
        guard isFree, reserved != nil, owners.count < Self.dialPortLimit, !owners.contains(dial) else { return }
        open(.dial(dial))
    }

    /// A port is of no more use, nor are its mappings. One that is still being opened is closed when it is there.
    mutating func close(_ id: PortID) {
        guard let index = ports.firstIndex(where: { $0.id == id }) else { return }
        if ports.remove(at: index).families != nil { act(.close(id)) }
        for binding in bindings where binding.port == id { act(.release(binding.id)) }
        bindings.removeAll { $0.port == id }
    }
}
