/// A network interface that is up, with its addresses.
public struct NetworkInterface: Hashable, Sendable {
    /// One address and the prefix that is on its link.
    public struct Address: Hashable, Sendable {
        /// The address.
        public let address: IPAddress
        /// The prefix that is reachable without a gateway.
        public let onLink: IPPrefix

        /// An address from its parts.
        package init(_ address: IPAddress, onLink: IPPrefix) {
            self.address = address
            self.onLink = onLink
        }
    }

    /// The system's name for it, such as `eth0`.
    public let name: String
    /// Its addresses, without link-local and loopback ones.
    public let addresses: [Address]
    /// The kind of device that it is.
    public let kind: Kind

    /// An interface from its parts.
    package init(name: String, addresses: [Address], kind: Kind = .adapter) {
        self.name = name
        self.addresses = addresses
        self.kind = kind
    }
}
