extension IPAddress {
    /// The scope of an address.
    public enum Scope: String, Hashable, Sendable {
        /// Routed in the whole Internet, as far as the address tells.
        case `public`
        /// Meaningful inside one network only: RFC 1918, shared CGN space (RFC 6598), unique local IPv6 (RFC 4193).
        case `private`
        /// Nothing that Bodkin ever connects to: loopback, link-local, multicast, unspecified, reserved, documentation of the protocol itself.
        case unusable
    }

    private static let privatePrefixes = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
    /// RFC 6890 and the IANA special-purpose registries, without those that documentation and the lab use as if they were public.
    private static let unusablePrefixes = prefixes(
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/127", "::ffff:0:0/96", "64:ff9b::/96",
        "fe80::/10", "fec0::/10", "ff00::/8")

    private static func prefixes(_ texts: String...) -> [IPPrefix] { texts.compactMap { IPPrefix($0) } }

    /// The scope of this address.
    public var scope: Scope {
        if Self.unusablePrefixes.contains(where: { $0.contains(self) }) { return .unusable }
        return Self.privatePrefixes.contains { $0.contains(self) } ? .private : .public
    }
}
