public import BodkinCore

/// A network to build: hosts, the NATs they stand behind, and the links between, as values.
///
/// The Internet's core is in the middle; every host and NAT hangs on the core or on the inside of a NAT.
///
/// ```swift
/// var topology = Topology(seed: 1)
/// topology.addServer()
/// topology.addHost("a", behind: .portRestricted, link: LinkParameters(delay: .milliseconds(12)))
/// topology.addHost("b", behind: .cgn, link: LinkParameters(delay: .milliseconds(12)))
/// ```
public struct Topology: Sendable, Hashable {
    /// The translator: emulation or kernel.
    public enum Implementation: String, Sendable, Hashable, CaseIterable {
        /// The lab's own ``NATTable``.
        case emulated
        /// A network namespace with nftables between two of the lab's links.
        case kernel
    }

    /// A host: a network namespace with the interface eth0, and the further ones that ``furtherInterfaces`` holds.
    public struct Host: Sendable, Hashable {
        /// Its name, which also names eth0 and its link.
        public var name: String
        /// The NAT it stands behind; nil for the core.
        public var parent: String?
        /// Its IPv4 addresses; the first is the one it prefers.
        public var addresses: [IPAddress]
        /// The length of the on-link IPv4 prefix.
        public var prefixLength: Int
        /// Its IPv6 addresses, each in a /64.
        public var addresses6: [IPAddress]
        /// The default gateways of both families.
        public var gateways: [IPAddress]
        /// From the host to its parent.
        public var up: LinkParameters
        /// From the parent to the host.
        public var down: LinkParameters
    }

    /// A NAT or firewall.
    public struct Box: Sendable, Hashable {
        /// Its name, which also names its uplink.
        public var name: String
        /// The NAT it stands behind; nil for the core.
        public var parent: String?
        /// The preset it was made from, for the kernel's rules and for people.
        public var preset: NATPreset?
        /// The behavior of the box.
        public var parameters: NATParameters
        /// The translator: emulation or kernel.
        public var implementation: Implementation
        /// Its address outside.
        public var external: IPAddress
        /// Its further addresses outside, where it has a pool: 198.18.N.1 and on, N being the last octet of ``external`` (RFC 2544 for the prefix).
        public var furtherExternals: [IPAddress] {
            guard parameters.translates, let last = external.v4.map({ $0 & 0xFF }) else { return [] }
            return (1..<max(1, min(parameters.pool.count, AddressPool.limit))).map { IPAddress(v4: 0xC612_0000 | last << 8 | UInt32($0)) }
        }
        /// Its IPv6 address outside.
        public var external6: IPAddress
        /// The IPv4 prefix inside; its first address is the box' own.
        public var inside: IPPrefix
        /// The IPv6 prefix inside.
        public var inside6: IPPrefix
        /// The box' own addresses inside: IPv4, IPv6.
        public var gateways: [IPAddress]
        /// From the box to its parent.
        public var up: LinkParameters
        /// From the parent to the box.
        public var down: LinkParameters
    }

    /// A stretch of the core between two of its children, one way, on top of their own links.
    public struct Path: Sendable, Hashable {
        /// The child of the core where packets come from.
        public var from: String
        /// The child of the core where they go.
        public var to: String
        /// The link between the two.
        public var link: LinkParameters

        /// A stretch from its ends, by name, and what it is like.
        public init(from: String, to: String, link: LinkParameters) {
            self.from = from
            self.to = to
            self.link = link
        }
    }

    /// Every random choice follows from it.
    public var seed: UInt64
    /// The hosts, in the order they were added.
    public private(set) var hosts: [Host] = []
    /// The NATs and firewalls, in the order they were added.
    public private(set) var boxes: [Box] = []
    /// The interfaces of hosts beside eth0, in the order they were added.
    public private(set) var furtherInterfaces: [Interface] = []
    /// Extra stretches of the core.
    public var paths: [Path] = []

    /// An empty network.
    public init(seed: UInt64) { self.seed = seed }

    /// The host of that name.
    public func host(_ name: String) -> Host? { hosts.first { $0.name == name } }
    /// The NAT or firewall of that name.
    public func box(_ name: String) -> Box? { boxes.first { $0.name == name } }

    /// The boxes between a host, or one of its interfaces, and the core, the nearest first.
    public func boxes(above name: String) -> [Box] {
        var result: [Box] = []
        var name = interface(name)?.parent
        while let found = name.flatMap(box), !result.contains(found) {
            result.append(found)
            name = found.parent
        }
        return result
    }

    /// The IPv4 address that the core sees a host, or one of its interfaces, as: the outermost NAT's, or its own.
    public func outsideAddress(of name: String) -> IPAddress? {
        boxes(above: name).last { $0.parameters.translates }?.external ?? interface(name)?.addresses.first
    }

    /// The variables that programs in every host find, without `BODKIN_LAB_`: for a host H its addresses as `H`, `H_2`, …, `H_6`, and what the
    /// Internet sees it as, `H_OUTSIDE`; the same for its interface eth1 as `H_ETH1` and so on.
    package var variables: [(name: String, value: String)] {
        interfaces.flatMap { interface in
            let key = interface.name.uppercased().map { "-.".contains($0) ? "_" : String($0) }.joined()
            let own = interface.addresses.enumerated().map { ($0 == 0 ? key : "\(key)_\($0 + 1)", "\($1)") }
            let sixth = interface.addresses6.prefix(1).map { ("\(key)_6", "\($0)") }
            return own + sixth + [outsideAddress(of: interface.name)].compactMap { $0 }.map { ("\(key)_OUTSIDE", "\($0)") }
        }
    }

    mutating func append(_ host: Host) { hosts.append(host) }
    mutating func append(_ box: Box) { boxes.append(box) }
    mutating func append(_ interface: Interface) { furtherInterfaces.append(interface) }
    /// Changes a host in place, for links that are out of the ordinary.
    public mutating func updateHost(_ name: String, _ change: (inout Host) -> Void) {
        for index in hosts.indices where hosts[index].name == name { change(&hosts[index]) }
    }
    /// Changes a box in place.
    public mutating func updateBox(_ name: String, _ change: (inout Box) -> Void) {
        for index in boxes.indices where boxes[index].name == name { change(&boxes[index]) }
    }
    /// Changes an interface in place, eth0 by its host's name.
    public mutating func updateInterface(_ name: String, _ change: (inout Interface) -> Void) {
        if let interface = interface(name), interface.isFirst { return updateHost(interface.host) { change(&$0.interface) } }
        for index in furtherInterfaces.indices where furtherInterfaces[index].name == name { change(&furtherInterfaces[index]) }
    }
}
