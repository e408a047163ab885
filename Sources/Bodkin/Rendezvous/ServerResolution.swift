import BodkinCore
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The addresses of a rendezvous server.
enum ServerResolution {
    /// The most addresses that are tried.
    private static let limit = 8

    /// The routes to a server: its literal addresses at once, its names by the system's resolver.
    static func routes(to url: RendezvousURL) async throws -> [ServerRoute] {
        let routes = try await NIOThreadPool.singleton.runIfActive { resolve(url.hosts) }
        guard !routes.isEmpty else { throw url.unresolved }
        return routes
    }

    /// The same for an event loop, through a proxy where there is one; none where no address is known.
    static func routes(to url: RendezvousURL, by proxy: ProxyURL? = nil, on eventLoop: any EventLoop) -> EventLoopFuture<[ServerRoute]> {
        NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { resolve(url.hosts, by: proxy) }
    }

    /// The routes to relays, by the system's resolver, through a proxy where there is one.
    static func routes(to relays: [RendezvousURL.Host], by proxy: ProxyURL?, on eventLoop: any EventLoop) -> EventLoopFuture<[[ServerRoute]]> {
        let hosts = proxy.map { [$0.host] } ?? relays
        guard hosts.contains(where: { IPAddress($0.name) == nil }) else {
            return eventLoop.makeSucceededFuture(relays.map { routes(to: [$0], by: proxy) { IPAddress($0).map { [$0] } ?? [] } })
        }
        return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { relays.map { resolve([$0], by: proxy) } }
    }

    /// The routes that need no resolver.
    static func literalRoutes(to url: RendezvousURL, by proxy: ProxyURL? = nil) -> [ServerRoute] {
        routes(to: url.hosts, by: proxy) { IPAddress($0).map { [$0] } ?? [] }
    }

    private static func resolve(_ hosts: [RendezvousURL.Host], by proxy: ProxyURL? = nil) -> [ServerRoute] {
        routes(to: hosts, by: proxy) { name in IPAddress(name).map { [$0] } ?? resolve(name) }
    }

    /// The server's addresses, or those of its proxy, which is asked for the server's name.
    private static func routes(to hosts: [RendezvousURL.Host], by proxy: ProxyURL?, _ addresses: (String) -> [IPAddress]) -> [ServerRoute] {
        let routes = hosts.flatMap { host in
            let next = proxy?.host ?? host
            return addresses(next.name).map {
                ServerRoute(endpoint: Endpoint($0, next.port), name: host.name, tunnel: proxy.map { ServerRoute.Tunnel(by: $0, to: host) })
            }
        }
        return ordered(routes)
    }

    private static func ordered(_ routes: [ServerRoute]) -> [ServerRoute] { Array(routes.interleaved.prefix(limit)) }

    /// The addresses of a name, in the system's order of preference (RFC 6724).
    private static func resolve(_ name: String) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var result: [IPAddress] = []
        var entry = list
        while let item = entry?.pointee {
            entry = item.ai_next
            if let address = IPAddress(item.ai_addr), !result.contains(address) { result.append(address) }
        }
        return result
    }
}

extension RendezvousURL {
    /// Whether the server has a name, which may lead to other addresses later.
    var hasNames: Bool { hosts.contains { IPAddress($0.name) == nil } }

    /// Whether a server can prove itself: by its key, or by a name that a public authority vouches for.
    var canAuthenticate: Bool { keyHash != nil || hasNames }

    /// The error of a URL by which no server can prove itself.
    var unauthenticated: TransportError {
        TransportError(.serverImpostor, "The URL cannot authenticate the server \(authority). Use a URL with key=, or with the server's name.")
    }

    /// The error of a server whose name has no address.
    var unresolved: TransportError {
        TransportError(.serverUnreachable, "The name of the rendezvous server \(authority) has no address. Check the name and the network.")
    }
}

extension ProxyURL {
    /// Whether it has a name, which may lead to other addresses later.
    var hasName: Bool { IPAddress(host.name) == nil }
}

extension [ServerRoute] {
    /// The first address of each family.
    var addresses: [IPAddress] {
        reduce(into: []) { list, route in
            if !list.contains(where: { $0.family == route.endpoint.address.family }) { list.append(route.endpoint.address) }
        }
    }
}
