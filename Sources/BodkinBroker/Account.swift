package import BodkinCore

/// The user whose use is counted.
package enum Account: Hashable, Sendable {
    /// Everybody with the join token of this number.
    case token(Int)
    /// Everybody at this IPv4 address.
    case address(IPAddress)
    /// Everybody in this IPv6 prefix.
    case prefix(IPPrefix)

    /// The narrowest account of a source address: the IPv4 address, or the IPv6 /56.
    package init(source: IPAddress) {
        self = source.family == .v4 ? .address(source) : .prefix(IPPrefix(source, length: 56))
    }

    /// All accounts of a source address, the narrowest first. Providers give a /56 to a site (RFC 6177 section 2), tunnels a /48 to anybody, and registries a /32 to a
    /// provider.
    package static func all(of source: IPAddress) -> [Account] {
        source.family == .v4 ? [.address(source)] : [56, 48, 32].map { .prefix(IPPrefix(source, length: $0)) }
    }

    /// How many sites' share the account has.
    package var width: Int { share(site: 1, tunnel: 4, provider: 16) }

    /// The same of what has proved nothing.
    package var unauthenticatedWidth: Int { share(site: 1, tunnel: 2, provider: 4) }

    private func share(site: Int, tunnel: Int, provider: Int) -> Int {
        guard case .prefix(let prefix) = self, prefix.length <= 48 else { return site }
        return prefix.length > 32 ? tunnel : provider
    }
}
