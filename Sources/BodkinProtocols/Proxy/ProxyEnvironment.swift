import BodkinCore

/// The proxy that the usual variables of the environment name: `https_proxy`, then `all_proxy`, unless `no_proxy` excludes the host. Lower case precedes upper case.
package struct ProxyEnvironment: Sendable {
    private let variables: [String: String]

    /// What is set.
    package init(_ variables: [String: String]) { self.variables = variables }

    /// The proxy for a host; nil for none.
    /// - Throws: why the variable's value is no URL of a proxy.
    package func proxy(for host: RendezvousURL.Host) throws(ProxyURL.ParseError) -> ProxyURL? {
        guard let text = value("https_proxy") ?? value("all_proxy"), !isExcluded(host) else { return nil }
        return try ProxyURL(text)
    }

    private func value(_ name: String) -> String? {
        [name, name.uppercased()].lazy.compactMap { variables[$0] }.first { !$0.isEmpty }
    }

    /// Whether `no_proxy` names the host: `*`; a name, for itself and all below it; an address; a prefix of addresses; each with a port or without.
    private func isExcluded(_ host: RendezvousURL.Host) -> Bool {
        (value("no_proxy") ?? "").split(whereSeparator: { $0 == "," || $0.isWhitespace }).contains { entry in
            if entry == "*" { return true }
            if let prefix = IPPrefix(String(entry)), let address = IPAddress(host.name) { return prefix.contains(address) }
            if IPAddress(String(entry)) != nil { return entry.lowercased() == host.name.lowercased() }
            guard let named = RendezvousURL.Host(entry, defaultPort: host.port), named.port == host.port else { return false }
            let suffix = named.name.drop { $0 == "*" || $0 == "." }.lowercased()
            let name = host.name.lowercased()
            return name == suffix || name.hasSuffix("." + suffix)
        }
    }
}
