import BodkinCore

/// What a topology must be before it is built.
extension Topology {
    /// Refuses what makes no sense, with one line that says what to change.
    /// - Throws: ``LabError`` with code `usage`.
    public func validate() throws {
        func refuse(_ message: String) throws { throw LabError(.usage, message) }
        let names = hosts.map(\.name) + boxes.map(\.name)
        if hosts.isEmpty { try refuse("A lab needs a host. Add one.") }
        let count = names.count + furtherInterfaces.count
        if count > Self.limit { try refuse("A lab has at most \(Self.limit) hosts, NATs and further interfaces, and not \(count). Use fewer.") }
        if Set(names).count < names.count || names.contains("core") { try refuse("Two hosts or NATs have the same name. Give each its own.") }
        for name in names where name.isEmpty || name.contains(where: { !$0.isASCII || !($0.isLetter || $0.isNumber || $0 == "-") }) {
            try refuse("'\(name)' is not a name. Use letters, digits and hyphens.")
        }
        for interface in furtherInterfaces where host(interface.host) == nil {
            try refuse("The interface \(interface.device) belongs to \(interface.host), which is not a host. Add the host.")
        }
        for parent in interfaces.compactMap(\.parent) where box(parent) == nil { try refuse(unknown(parent)) }
        for (index, box) in boxes.enumerated() {
            if let parent = box.parent, !boxes[..<index].contains(where: { $0.name == parent }) { try refuse(unknown(parent)) }
        }
        try validateAddresses()
        let variables = Set(interfaces.flatMap(\.variables).map(\.name)).union(["HOST", "ADDRESS", "ADDRESS6"]) + self.variables.map(\.name)
        if let twice = variables.first(where: { name in variables.count { $0 == name } > 1 }) {
            try refuse("Two hosts have the variable BODKIN_LAB_\(twice). Rename one.")
        }
        for interface in interfaces { for link in [interface.up, interface.down] { try link.validate(interface.name) } }
        for box in boxes { for link in [box.up, box.down] { try link.validate(box.name) } }
        for path in paths { try path.link.validate("\(path.from) to \(path.to)") }
        for path in paths {
            for end in [path.from, path.to] where !isOnCore(end) {
                try refuse("A path names \(end), which is not on the core. Name a host or NAT on the core.")
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
            case .unknownTarget: "The lab has no \(fault.target). Choose from \(names)."
            case .needsNAT where nats.isEmpty: "The lab has no emulated NAT for this fault. Put a host behind one."
            case .needsNAT: "\(fault.target) is not a NAT for this fault, and is behind none. Choose from \(nats)."
            case .unusableAddress: "The address is in use, or is not one for a NAT. Choose another, for example in 203.0.113.0/24."
            }
        return LabError(.usage, message)
    }

    private func unknown(_ parent: String) -> String { "The lab has no NAT \(parent). Add it before the hosts behind it." }

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
            throw LabError(.usage, "Two hosts or NATs have the address \(address). Use fewer servers, or give each its own address.")
        }
    }
}

extension LinkParameters {
    func validate(_ name: String) throws {
        func refuse(_ message: String) throws { throw LabError(.usage, "The link of \(name) is not possible. \(message)") }
        if !(0...1).contains(loss) { try refuse("Use a loss of 0 to 1, or 0% to 100%, and not \(loss).") }
        if min(delay, jitter) < .zero { try refuse("Use a delay and a jitter of 0ms or more.") }
        if max(delay, jitter) > .seconds(60) { try refuse("Use a delay and a jitter of at most 60s.") }
        if !(576...65_535).contains(mtu) { try refuse("Use an MTU of 576 to 65535, and not \(mtu) (IPv6 needs 1280).") }
        if queue < 0 { try refuse("Use a queue of 0 bytes or more, and not \(queue).") }
        if let rate, rate < 1000 { try refuse("Use a rate of 1000 bit/s or more, and not \(rate).") }
    }
}

extension Topology.Box {
    func validate() throws {
        guard parameters.backgroundNoise >= 0, parameters.backgroundNoise <= 10_000 else {
            throw LabError(.usage, "The NAT \(name) has a background noise of \(parameters.backgroundNoise)/s. Use 0 to 10000.")
        }
        guard parameters.tableSize > 0 else { throw LabError(.usage, "The table of the NAT \(name) has no room. Use at least one session.") }
        guard parameters.ports.lowerBound > 0 else { throw LabError(.usage, "The NAT \(name) cannot allocate port 0. Use ports above 0.") }
        guard (1...AddressPool.limit).contains(parameters.pool.count) else {
            throw LabError(.usage, "The NAT \(name) has a pool of \(parameters.pool.count) addresses. Use 1 to \(AddressPool.limit).")
        }
        for behaviour in [parameters.tcp, parameters.udp] {
            if case .block(let size, _) = behaviour.allocation, !(1...parameters.ports.count).contains(size) {
                throw LabError(.usage, "The NAT \(name) has a block of \(size) ports. Use 1 to \(parameters.ports.count).")
            }
        }
        guard implementation == .emulated || KernelNAT.canExpress(preset) else {
            let names = NATPreset.allCases.filter { KernelNAT.canExpress($0) }.map(\.rawValue).joined(separator: ", ")
            throw LabError(.usage, "Linux cannot behave as \(preset?.rawValue ?? name). For the kernel variant choose from \(names).")
        }
        guard implementation == .emulated || parameters == preset?.layers.first else {
            throw LabError(.usage, "The parameters of the kernel NAT \(name) cannot be changed. Leave out the change, or the kernel variant.")
        }
    }
}
