import BodkinCore

/// What a topology must be before it is built.
extension Topology {
    /// Refuses what makes no sense, with one line that says what to change.
    /// - Throws: ``LabError`` with code `usage`.
    public func validate() throws {
        func refuse(_ message: String) throws { throw LabError(.usage, message) }
        let names = hosts.map(\.name) + boxes.map(\.name)
        if hosts.isEmpty { try refuse("a lab without hosts shows nothing: add one") }
        if names.count > Self.limit { try refuse("\(names.count) hosts and NATs are too many: at most \(Self.limit)") }
        if Set(names).count < names.count || names.contains("core") { try refuse("two hosts or NATs have one name: give each its own") }
        for name in names where name.isEmpty || name.contains(where: { !$0.isASCII || !($0.isLetter || $0.isNumber || $0 == "-") }) {
            try refuse("'\(name)' is no name: use letters, digits and hyphens")
        }
        for parent in hosts.compactMap(\.parent) where box(parent) == nil { try refuse(unknown(parent)) }
        for (index, box) in boxes.enumerated() {
            if let parent = box.parent, !boxes[..<index].contains(where: { $0.name == parent }) { try refuse(unknown(parent)) }
        }
        try validateAddresses()
        for link in hosts.flatMap({ [$0.up, $0.down] }) + boxes.flatMap({ [$0.up, $0.down] }) + paths.map(\.link) { try link.validate() }
        for path in paths {
            for end in [path.from, path.to] where !isOnCore(end) {
                try refuse("a path names \(end), which is not on the core: name a host or NAT that is")
            }
        }
        for box in boxes { try box.validate() }
    }

    private func unknown(_ parent: String) -> String { "no NAT is named \(parent): add it before what stands behind it" }

    private func isOnCore(_ name: String) -> Bool {
        hosts.contains { $0.name == name && $0.parent == nil } || boxes.contains { $0.name == name && $0.parent == nil }
    }

    /// A box may have one address on both sides, as a firewall does; nobody else may have it too.
    private func validateAddresses() throws {
        let owned = hosts.map { Set($0.addresses + $0.addresses6) } + boxes.map { Set([$0.external, $0.external6] + $0.gateways) }
        var taken: Set<IPAddress> = [Self.coreAddress, Self.coreAddress6]
        for address in owned.joined() where !taken.insert(address).inserted {
            throw LabError(.usage, "two hosts or NATs have the address \(address): use fewer servers, or give each its own")
        }
    }
}

extension LinkParameters {
    func validate() throws {
        guard (0...1).contains(loss) else { throw LabError(.usage, "a loss of \(loss) is impossible: use 0 to 1, or 0% to 100%") }
        guard delay >= .zero, jitter >= .zero else { throw LabError(.usage, "delay and jitter cannot be negative: use 0ms or more") }
        guard delay <= .seconds(60), jitter <= .seconds(60) else { throw LabError(.usage, "delay and jitter are at most 60s: shorten them") }
        guard (576...65_535).contains(mtu) else {
            throw LabError(.usage, "an MTU of \(mtu) is impossible: use 576 to 65535 (IPv6 needs 1280)")
        }
        guard queue >= 0 else { throw LabError(.usage, "a queue of \(queue) bytes is impossible: use 0 or more") }
        if let rate, rate < 1000 { throw LabError(.usage, "a rate of \(rate) bit/s is too small: use 1000 or more") }
    }
}

extension Topology.Box {
    func validate() throws {
        guard parameters.backgroundNoise >= 0, parameters.backgroundNoise <= 10_000 else {
            throw LabError(.usage, "\(name): a background noise of \(parameters.backgroundNoise)/s is impossible: use 0 to 10000")
        }
        guard parameters.tableSize > 0 else { throw LabError(.usage, "\(name): a table needs room for one session at least") }
        guard implementation == .emulated || KernelNAT.canExpress(preset, depth: parent == nil ? 0 : 1) else {
            let names = NATPreset.allCases.filter { KernelNAT.canExpress($0, depth: 0) }.map(\.rawValue).joined(separator: ", ")
            throw LabError(.usage, "Linux cannot be made to behave as \(preset?.rawValue ?? name): for the kernel variant use one of \(names)")
        }
    }
}
