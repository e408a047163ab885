public import BodkinCore

/// Where hosts hang on the network.
extension Topology {
    /// An interface of a host: an attachment to the core or to the inside of a NAT. It has its own link and default gateways.
    ///
    /// The default routes of eth0 have precedence. A socket uses another interface if it is bound to it (SO_BINDTODEVICE), as on any Linux with two
    /// uplinks.
    public struct Interface: Sendable, Hashable {
        /// The host it belongs to.
        public let host: String
        /// Its name in the host: eth0, eth1, …
        public let device: String
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
        /// From the interface to its parent.
        public var up: LinkParameters
        /// From the parent to the interface.
        public var down: LinkParameters

        /// Its name in the lab, which also names its link: the host's for eth0, and `HOST.eth1` for the next.
        public var name: String { isFirst ? host : "\(host).\(device)" }

        var isFirst: Bool { device == Topology.firstDevice }

        /// The variables by which a program finds the addresses of its own host, without `BODKIN_LAB_`.
        package var variables: [(name: String, value: String)] {
            let suffix = isFirst ? "" : "_\(device.uppercased())"
            return addresses.prefix(1).map { ("ADDRESS\(suffix)", "\($0)") } + addresses6.prefix(1).map { ("ADDRESS6\(suffix)", "\($0)") }
        }
    }

    static let firstDevice = "eth0"

    /// Every interface, host by host.
    public var interfaces: [Interface] { hosts.flatMap { interfaces(of: $0.name) } }

    /// The interfaces of a host, eth0 first; none where there is no such host.
    public func interfaces(of host: String) -> [Interface] {
        guard let first = self.host(host)?.interface else { return [] }
        return [first] + furtherInterfaces.filter { $0.host == host }
    }

    /// The interface of that name: `a` or `a.eth0` for the first of host a, `a.eth1` for its second.
    public func interface(_ name: String) -> Interface? {
        host(Self.withoutFirstDevice(name))?.interface ?? furtherInterfaces.first { $0.name == name }
    }

    /// `a` for `a.eth0`; any other name as it is.
    static func withoutFirstDevice(_ name: String) -> String {
        name.hasSuffix(".\(firstDevice)") ? String(name.dropLast(firstDevice.count + 1)) : name
    }
}

extension Topology.Host {
    /// Its first interface, eth0.
    public var interface: Topology.Interface {
        get {
            Topology.Interface(
                host: name, device: Topology.firstDevice, parent: parent, addresses: addresses, prefixLength: prefixLength,
                addresses6: addresses6, gateways: gateways, up: up, down: down)
        }
        set {
            (parent, addresses, prefixLength) = (newValue.parent, newValue.addresses, newValue.prefixLength)
            (addresses6, gateways, up, down) = (newValue.addresses6, newValue.gateways, newValue.up, newValue.down)
        }
    }
}
