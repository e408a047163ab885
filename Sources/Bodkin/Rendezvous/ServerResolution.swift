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
        let routes = try await NIOThreadPool.singleton.runIfActive { resolve(url) }
        guard !routes.isEmpty else {
            throw TransportError(
                .serverUnreachable, "The name of the rendezvous server \(url.authority) has no address. Check the name and the network.")
        }
        return routes
    }

    /// The same for an event loop; none where no address is known.
    static func routes(to url: RendezvousURL, on eventLoop: any EventLoop) -> EventLoopFuture<[ServerRoute]> {
        NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { resolve(url) }
    }

    private static func resolve(_ url: RendezvousURL) -> [ServerRoute] {
        let routes = url.hosts.flatMap { host -> [ServerRoute] in
            let addresses = IPAddress(host.name).map { [$0] } ?? resolve(host.name)
            return addresses.map { ServerRoute(endpoint: Endpoint($0, host.port), name: host.name) }
        }
        return Array(routes.prefix(limit))
    }

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
}

extension [ServerRoute] {
    /// The first address of each family.
    var addresses: [IPAddress] {
        reduce(into: []) { list, route in
            if !list.contains(where: { $0.family == route.endpoint.address.family }) { list.append(route.endpoint.address) }
        }
    }
}
