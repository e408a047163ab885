package import BodkinCore

/// A route to the rendezvous server: one of its addresses, by one interface.
package struct ServerRoute: Hashable, Sendable {
    /// The server's endpoint.
    package var endpoint: Endpoint
    /// The name that the URL has for it.
    package var name: String
    /// The interface to leave by; nil for the one that the system's routes name.
    package var interface: String?

    /// A route from its parts.
    package init(endpoint: Endpoint, name: String, interface: String? = nil) {
        self.endpoint = endpoint
        self.name = name
        self.interface = interface
    }
}

extension [ServerRoute] {
    /// The routes in the order in which their addresses are tried: the families take turns, and the first one is the first route's (RFC 8305 section 4).
    package var interleaved: [ServerRoute] {
        guard let family = first?.endpoint.address.family else { return [] }
        let first = filter { $0.endpoint.address.family == family }
        let second = filter { $0.endpoint.address.family != family }
        return (0..<Swift.max(first.count, second.count)).flatMap { index in
            [first, second].compactMap { $0.indices.contains(index) ? $0[index] : nil }
        }
    }
}
