package import BodkinCore
package import BodkinProtocols

/// A route to the rendezvous server: one of its addresses, or one of its proxy's, by one interface.
package struct ServerRoute: Hashable, Sendable {
    /// A way through a proxy.
    package struct Tunnel: Hashable, Sendable {
        /// The proxy.
        package var proxy: ProxyURL
        /// The server, as the proxy is asked for it.
        package var target: RendezvousURL.Host

        /// A tunnel from its parts.
        package init(by proxy: ProxyURL, to target: RendezvousURL.Host) {
            self.proxy = proxy
            self.target = target
        }
    }

    /// What to connect to: the server's endpoint, or its proxy's.
    package var endpoint: Endpoint
    /// The name that the URL has for it.
    package var name: String
    /// The interface to leave by; nil for the one that the system's routes name.
    package var interface: String?
    /// The tunnel that leads on from there; nil where the endpoint is the server's.
    package var tunnel: Tunnel?

    /// The same route by another interface; nil for the one that the system's routes name.
    package func by(_ interface: String?) -> ServerRoute {
        var route = self
        route.interface = interface
        return route
    }

    /// The server at its end, for people.
    package var place: String { tunnel.map { "\($0.target), through the proxy \($0.proxy.host)," } ?? "\(endpoint)" }

    /// A route from its parts.
    package init(endpoint: Endpoint, name: String, interface: String? = nil, tunnel: Tunnel? = nil) {
        self.endpoint = endpoint
        self.name = name
        self.interface = interface
        self.tunnel = tunnel
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
