import BodkinCore

/// The address plan: servers in 198.51.100.0/24, outsides of NATs in 203.0.113.0/24, LANs in 192.168.N.0/24, insides of carriers in
/// 100.64.N.0/24, IPv6 in 2001:db8:N::/64 (RFC 5737, RFC 1918, RFC 6598, RFC 3849).
extension Topology {
    /// The most hosts, boxes and further interfaces together: one octet numbers them.
    public static let limit = 200

    /// Adds a public host named `name` with two addresses of each family, 198.51.100.1 and .2 for the first.
    @discardableResult
    public mutating func addServer(_ name: String = "server", link: LinkParameters = LinkParameters()) -> Host {
        let first = hosts.count { $0.parent == nil && $0.prefixLength == 32 && $0.addresses.count == 2 } * 2 + 1
        let addresses = [first, first + 1].map { v4(198, 51, 100, UInt8(clamping: $0)) }
        let site = nextSite
        let host = Host(
            name: name, parent: nil, addresses: addresses, prefixLength: 32,
            addresses6: [v6(site, 16), v6(site, 17)], gateways: [Self.coreAddress, Self.coreAddress6], up: link, down: link)
        append(host)
        return host
    }

    /// Adds a host behind the boxes of a preset, which are named `nat-NAME` and, for a carrier's, `carrier-NAME`. The outermost link, next to
    /// the core, takes `link`; links inside are perfect.
    @discardableResult
    public mutating func addHost(
        _ name: String, behind preset: NATPreset, link: LinkParameters = LinkParameters(), implementation: Implementation = .emulated
    ) -> Host {
        addHost(name, behind: .preset(preset) as AccessNetwork, link: link, implementation: implementation)
    }

    /// Adds a host behind the boxes of any network that has a name, as behind those of a preset.
    @discardableResult
    public mutating func addHost(
        _ name: String, behind network: AccessNetwork, link: LinkParameters = LinkParameters(), implementation: Implementation = .emulated
    ) -> Host {
        let parent = addBoxes(of: network, inFrontOf: name, link, implementation)
        return addHost(name, inside: parent, link: parent == nil ? link : LinkParameters())
    }

    /// Adds a further interface, eth1 or the next, to a host, behind the boxes of a preset. The boxes are `nat-HOST-eth1` and, for a carrier's,
    /// `carrier-HOST-eth1`. The outermost link, next to the core, takes `link`; links inside are perfect.
    @discardableResult
    public mutating func addInterface(
        to host: String, behind preset: NATPreset, link: LinkParameters = LinkParameters(), implementation: Implementation = .emulated
    ) -> Interface {
        addInterface(to: host, behind: .preset(preset) as AccessNetwork, link: link, implementation: implementation)
    }

    /// Adds a further interface behind the boxes of any network that has a name, as behind those of a preset.
    @discardableResult
    public mutating func addInterface(
        to host: String, behind network: AccessNetwork, link: LinkParameters = LinkParameters(), implementation: Implementation = .emulated
    ) -> Interface {
        let parent = addBoxes(of: network, inFrontOf: "\(host)-\(nextDevice(of: host))", link, implementation)
        return addInterface(to: host, inside: parent, link: parent == nil ? link : LinkParameters())
    }

    /// Adds the boxes of a network, and returns the name of the innermost; nil where there is none.
    private mutating func addBoxes(
        of network: AccessNetwork, inFrontOf name: String, _ link: LinkParameters, _ implementation: Implementation
    ) -> String? {
        var parent: String?
        for (depth, parameters) in network.layers.enumerated().reversed() {
            let box = addBox(
                depth == 0 ? "nat-\(name)" : "carrier-\(name)", parameters, inside: parent, isCarrier: depth > 0,
                link: parent == nil ? link : LinkParameters())
            updateBox(box.name) {
                $0.preset = network.preset
                $0.implementation = implementation
            }
            parent = box.name
        }
        return parent
    }

    /// Adds a host to the inside of a box, or to the core.
    @discardableResult
    public mutating func addHost(_ name: String, inside parent: String?, link: LinkParameters = LinkParameters()) -> Host {
        let eth0 = attachment(of: name, Self.firstDevice, inside: parent, link)
        let host = Host(
            name: name, parent: parent, addresses: eth0.addresses, prefixLength: eth0.prefixLength, addresses6: eth0.addresses6,
            gateways: eth0.gateways, up: link, down: link)
        append(host)
        return host
    }

    /// Adds a further interface, eth1 or the next, to a host: on the inside of a box, or on the core.
    @discardableResult
    public mutating func addInterface(to host: String, inside parent: String?, link: LinkParameters = LinkParameters()) -> Interface {
        let interface = attachment(of: host, nextDevice(of: host), inside: parent, link)
        append(interface)
        return interface
    }

    private func attachment(of host: String, _ device: String, inside parent: String?, _ link: LinkParameters) -> Interface {
        let site = nextSite
        let box = parent.flatMap(box)
        let isPublic = box?.parameters.translates != true
        let address = box.map { Self.address(UInt32(site), in: $0.inside) } ?? v4(203, 0, 113, site)
        return Interface(
            host: host, device: device, parent: parent, addresses: [address], prefixLength: isPublic ? 32 : 24,
            addresses6: [box.map { Self.address(UInt64(site), in: $0.inside6) } ?? v6(site, 16)],
            gateways: box?.gateways ?? [Self.coreAddress, Self.coreAddress6], up: link, down: link)
    }

    private func nextDevice(of host: String) -> String { "eth\(1 + furtherInterfaces.count { $0.host == host })" }

    /// Adds a NAT or firewall to the inside of another, or to the core.
    @discardableResult
    public mutating func addBox(
        _ name: String, _ parameters: NATParameters, inside parent: String?, isCarrier: Bool = false, link: LinkParameters = LinkParameters()
    ) -> Box {
        let site = nextSite
        let outer = parent.flatMap(box)
        let lan = IPPrefix(parameters.translates ? (isCarrier ? v4(100, 64, site, 0) : v4(192, 168, site, 0)) : v4(203, 0, 113, 0), length: 24)
        let gateway = parameters.translates ? Self.address(UInt32(1), in: lan) : v4(203, 0, 113, site)
        let box = Box(
            name: name, parent: parent, preset: nil, parameters: parameters, implementation: .emulated,
            external: outer.map { Self.address(UInt32(site), in: $0.inside) } ?? v4(203, 0, 113, site),
            external6: v6(site, 2), inside: lan, inside6: IPPrefix(v6(site, 0), length: 64), gateways: [gateway, v6(site, 1)], up: link, down: link)
        append(box)
        return box
    }

    /// The usual lab: hosts `a` and `b` behind the presets, and `server` on the core. Each access link has half of `delay` in each direction, so `delay` is
    /// the one-way delay between any two hosts.
    public static func pair(
        _ a: NATPreset, _ b: NATPreset, link: LinkParameters = LinkParameters(), implementation: Implementation = .emulated, seed: UInt64
    ) -> Topology {
        pair(AccessNetwork.preset(a), AccessNetwork.preset(b), link: link, implementation: implementation, seed: seed)
    }

    /// The usual lab with any two networks that have names.
    public static func pair(
        _ a: AccessNetwork, _ b: AccessNetwork, link: LinkParameters = LinkParameters(), implementation: Implementation = .emulated, seed: UInt64
    ) -> Topology {
        var topology = Topology(seed: seed)
        let half = link.half
        topology.addServer(link: half)
        topology.addHost("a", behind: a, link: half, implementation: implementation)
        topology.addHost("b", behind: b, link: half, implementation: implementation)
        return topology
    }

    /// The address that errors of the core come from.
    static let coreAddress = v4(198, 51, 100, 254)
    static let coreAddress6 = v6(0, 1)

    /// Numbers hosts, boxes and further interfaces from 10 on.
    private var nextSite: UInt8 { UInt8(clamping: 10 + hosts.count + boxes.count + furtherInterfaces.count) }

    private static func address(_ number: UInt32, in prefix: IPPrefix) -> IPAddress {
        IPAddress(v4: (prefix.address.v4 ?? 0) + number)
    }

    private static func address(_ number: UInt64, in prefix: IPPrefix) -> IPAddress {
        IPAddress(v6High: prefix.address.high, low: prefix.address.low + number)
    }
}

private func v4(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> IPAddress {
    IPAddress(v4: UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d))
}

private func v6(_ site: UInt8, _ host: UInt64) -> IPAddress { IPAddress(v6High: 0x2001_0db8_0000_0000 | UInt64(site) << 16, low: host) }
