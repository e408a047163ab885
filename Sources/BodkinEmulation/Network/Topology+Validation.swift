import BodkinCore

/// What a topology must be before it is built.
extension Topology {
    /// Refuses what makes no sense, with one line that says what to change.
    /// - Throws: ``LabError`` with code `usage`.
    public func validate() throws {
        func refuse(_ message: String) throws { throw LabError(.usage, message) }
        let names = hosts.map(\.name) + boxes.map(\.name)
        if hosts.isEmpty { try refuse("a lab without hosts shows nothing: add one") }
        let count = names.count + furtherInterfaces.count
        if count > Self.limit { try refuse("\(count) hosts, NATs and further interfaces are too many: at most \(Self.limit)") }
        if Set(names).count < names.count || names.contains("core") { try refuse("two hosts or NATs have one name: give each its own") }
        for name in names where name.isEmpty || name.contains(where: { !$0.isASCII || !($0.isLetter || $0.isNumber || $0 == "-") }) {
            try refuse("'\(name)' is no name: use letters, digits and hyphens")
        }
        for interface in furtherInterfaces where host(interface.host) == nil {
            try refuse("no host is named \(interface.host), so it can have no \(interface.device): add the host too")
        }
        for parent in interfaces.compactMap(\.parent) where box(parent) == nil { try refuse(unknown(parent)) }
        for (index, box) in boxes.enumerated() {
            if let parent = box.parent, !boxes[..<index].contains(where: { $0.name == parent }) { try refuse(unknown(parent)) }
        }
        try validateAddresses()
        let variables = Set(interfaces.flatMap(\.variables).map(\.name)).union(["HOST", "ADDRESS", "ADDRESS6"]) + self.variables.map(\.name)
        if let twice = variables.first(where: { name in variables.count { $0 == name } > 1 }) {
            try refuse("two hosts would both be BODKIN_LAB_\(twice) to programs: rename one")
        }
        for interface in interfaces { for link in [interface.up, interface.down] { try link.validate(interface.name) } }
        for box in boxes { for link in [box.up, box.down] { try link.validate(box.name) } }
        for path in paths { try path.link.validate("\(path.from) to \(path.to)") }
        for path in paths {
            for end in [path.from, path.to] where !isOnCore(end) {
                try refuse("a path names \(end), which is not on the core: name a host or NAT that is")
            }
        }
        for box in boxes { try box.validate() }
    }

    /// Refuses a fault that this network cannot have, with one line that says what to change.
    /// - Throws: ``LabError`` with code `usage`.
    public func validate(_ fault: Fault) throws {
        var network = EmulatedNetwork(self)
        do throws(EmulatedNetwork.FaultRefusal) { try network.apply(fault, at: .start) } catch { throw explanation(of: error, fault) }
    }

    package func explanation(of refusal: EmulatedNetwork.FaultRefusal, _ fault: Fault) -> LabError {
        let names = (interfaces.map(\.name) + boxes.map(\.name)).joined(separator: ", ")
        let nats = boxes.filter { $0.implementation == .emulated && $0.parameters.translates }.map(\.name).joined(separator: ", ")
        let message =
            switch refusal {
            case .unknownTarget: "nothing is named \(fault.target): name one of \(names)"
            case .needsNAT where nats.isEmpty: "there is no emulated NAT here that could have this: put one in front of a host"
            case .needsNAT: "\(fault.target) neither is nor stands behind a NAT that could have this: name one of \(nats)"
            case .unusableAddress: "the address is taken, or not one a NAT can have: choose another, for example in 203.0.113.0/24"
            }
        return LabError(.usage, message)
    }

    private func unknown(_ parent: String) -> String { "no NAT is named \(parent): add it before what stands behind it" }

    private func isOnCore(_ name: String) -> Bool {
        interface(name).map { $0.parent == nil } ?? false || boxes.contains { $0.name == name && $0.parent == nil }
    }

    /// A box may have one address on both sides, as a firewall does; nobody else may have it too.
    private func validateAddresses() throws {
        let owned =
            interfaces.map { Set($0.addresses + $0.addresses6) }
            + boxes.map { Set([$0.external, $0.external6] + $0.furtherExternals + $0.gateways) }
        var taken: Set<IPAddress> = [Self.coreAddress, Self.coreAddress6]
        for address in owned.joined() where !taken.insert(address).inserted {
            throw LabError(.usage, "two hosts or NATs have the address \(address): use fewer servers, or give each its own")
        }
    }
}

extension LinkParameters {
    func validate(_ name: String) throws {
        func refuse(_ message: String) throws { throw LabError(.usage, "the link of \(name): \(message)") }
        if !(0...1).contains(loss) { try refuse("a loss of \(loss) is impossible: use 0 to 1, or 0% to 100%") }
        if min(delay, jitter) < .zero { try refuse("delay and jitter cannot be negative: use 0ms or more") }
        if max(delay, jitter) > .seconds(60) { try refuse("delay and jitter are at most 60s: shorten them") }
        if !(576...65_535).contains(mtu) { try refuse("an MTU of \(mtu) is impossible: use 576 to 65535 (IPv6 needs 1280)") }
        if queue < 0 { try refuse("a queue of \(queue) bytes is impossible: use 0 or more") }
        if let rate, rate < 1000 { try refuse("a rate of \(rate) bit/s is too small: use 1000 or more") }
    }
}

extension Topology.Box {
    func validate() throws {
        guard parameters.backgroundNoise >= 0, parameters.backgroundNoise <= 10_000 else {
            throw LabError(.usage, "\(name): a background noise of \(parameters.backgroundNoise)/s is impossible: use 0 to 10000")
        }
        guard parameters.tableSize > 0 else { throw LabError(.usage, "\(name): a table needs room for one session at least") }
        guard parameters.ports.lowerBound > 0 else { throw LabError(.usage, "\(name): port 0 cannot be mapped: let the ports begin at 1 or above") }
        guard (1...AddressPool.limit).contains(parameters.pool.count) else {
            throw LabError(.usage, "\(name): a pool of \(parameters.pool.count) addresses is impossible: use 1 to \(AddressPool.limit)")
        }
        for behaviour in [parameters.tcp, parameters.udp] {
            if case .block(let size, _) = behaviour.allocation, !(1...parameters.ports.count).contains(size) {
                throw LabError(.usage, "\(name): a block of \(size) ports is impossible: use 1 to \(parameters.ports.count)")
            }
        }
        guard implementation == .emulated || KernelNAT.canExpress(preset) else {
            let names = NATPreset.allCases.filter { KernelNAT.canExpress($0) }.map(\.rawValue).joined(separator: ", ")
            throw LabError(.usage, "Linux cannot be made to behave as \(preset?.rawValue ?? name): for the kernel variant use one of \(names)")
        }
        guard implementation == .emulated || parameters == preset?.layers.first else {
            throw LabError(.usage, "\(name): a kernel NAT is what its preset says: leave out the change, or the kernel variant")
        }
    }
}
