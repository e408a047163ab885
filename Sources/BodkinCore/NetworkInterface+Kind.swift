extension NetworkInterface {
    /// The kind of device that an interface is.
    public enum Kind: String, Hashable, Sendable {
        /// A network adapter, or a device that stands for one, such as a VLAN or a bond.
        case adapter
        /// A bridge, a veth or another device that leads to containers and virtual machines of this machine.
        case container
        /// A tunnel, such as that of a VPN.
        case tunnel

        /// The names that Linux' drivers give to ethtool (`ethtool -i`).
        private static let containerDrivers: Set<String> = ["bridge", "veth", "dummy", "openvswitch", "vxlan", "geneve", "nlmon", "netkit"]
        private static let tunnelDrivers: Set<String> = ["tun", "wireguard", "ipip", "gre", "sit", "ip6tnl", "vti", "xfrm"]
        /// The beginnings of the names that macOS gives to its bridges and virtual machines (`bridge100`, `vmenet0`).
        private static let containerNames = ["bridge", "vmenet"]

        /// The kind of a device, from what the system tells of it.
        /// - Parameters:
        ///   - driver: the name of its driver; nil where the system does not tell.
        ///   - isPointToPoint: whether it has the flag IFF_POINTOPOINT.
        package init(name: String, driver: String?, isPointToPoint: Bool) {
            if let driver, Self.containerDrivers.contains(driver) {
                self = .container
            } else if isPointToPoint || driver.map(Self.tunnelDrivers.contains) == true {
                self = .tunnel
            } else if driver == nil, Self.containerNames.contains(where: name.hasPrefix) {
                self = .container
            } else {
                self = .adapter
            }
        }
    }
}
