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

    /// The ways to a server: its literal addresses at once, its names by the system's resolver.
    static func ways(to url: RendezvousURL) async throws -> [RendezvousLink.Way] {
        var ways: [RendezvousLink.Way] = []
        for host in url.hosts {
            if let address = IPAddress(host.name) {
                ways.append(RendezvousLink.Way(endpoint: Endpoint(address, host.port), name: host.name))
            } else {
                let addresses = try await NIOThreadPool.singleton.runIfActive { resolve(host.name) }
                ways += addresses.map { RendezvousLink.Way(endpoint: Endpoint($0, host.port), name: host.name) }
            }
        }
        guard !ways.isEmpty else {
            throw TransportError(.serverUnreachable, "no address is known for the rendezvous server \(url.authority): check the name and the network")
        }
        return Array(ways.prefix(limit))
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

extension [RendezvousLink.Way] {
    /// The first address of each family.
    var addresses: [IPAddress] {
        reduce(into: []) { list, way in if !list.contains(where: { $0.family == way.endpoint.address.family }) { list.append(way.endpoint.address) } }
    }
}
