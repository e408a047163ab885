import BodkinCore
import BodkinSystem

/// Which of a machine's interfaces concern a peer.
///
/// On a machine that runs containers, bridges and veths come and go several times a second, each with an address. None of them is a way out, and no remote
/// peer is reached by them.
extension Attachments {
    /// The most addresses that a peer tells others of: a card holds eight candidates.
    static let toldLimit = 8

    /// How likely an interface leads to a remote peer: the lower, the likelier.
    private enum Rank: Int, Comparable {
        /// The system's default routes leave by it, or a connection of the peer's does.
        case uplink
        /// An adapter of a network without a default route.
        case adapter
        /// A tunnel without a default route.
        case tunnel

        static func < (left: Rank, right: Rank) -> Bool { left.rawValue < right.rawValue }
    }

    /// The part of the attachments that the peer's own connections depend on.
    struct Uplinks: Equatable {
        let routes: [DefaultRoute]
        let addresses: [String: Set<NetworkInterface.Address>]
    }

    /// The default routes, and the addresses by which they or the peer's connections leave.
    /// - Parameter used: the local addresses of the peer's connections.
    func uplinks(using used: Set<IPAddress>) -> Uplinks {
        let found = interfaces.filter { rank(of: $0, using: used) == .uplink }
        return Uplinks(routes: routes, addresses: Dictionary(found.map { ($0.name, Set($0.addresses)) }) { $0.union($1) })
    }

    /// The addresses to tell remote peers of, the likeliest to be of use first.
    /// - Parameters:
    ///   - used: the local addresses of the peer's connections.
    ///   - families: the families that the reserved port is bound in.
    ///   - includesTunnels: whether private addresses are of use beyond one's own network.
    func told(
        using used: Set<IPAddress>, of families: [IPAddress.Family] = [.v4, .v6], includingTunnels includesTunnels: Bool = false
    ) -> [IPAddress] {
        let ranked = interfaces.enumerated().compactMap { index, interface in
            rank(of: interface, using: used).map { (rank: $0, order: order(of: interface, at: index), interface: interface) }
        }.filter { $0.rank != .tunnel || includesTunnels }.sorted { ($0.rank, $0.order) < ($1.rank, $1.order) }
        // The first address of each family and interface, then the second of each: a host may have a dozen IPv6 addresses beside its one of IPv4.
        var queues = ranked.flatMap { item in
            families.map { family in item.interface.addresses.map(\.address).filter { $0.family == family }[...] }
        }
        var result: [IPAddress] = []
        while result.count < Self.toldLimit, queues.contains(where: { !$0.isEmpty }) {
            for index in queues.indices {
                guard let address = queues[index].popFirst(), !result.contains(address), result.count < Self.toldLimit else { continue }
                result.append(address)
            }
        }
        return result
    }

    private func rank(of interface: NetworkInterface, using used: Set<IPAddress>) -> Rank? {
        let hasRoute = routes.contains { $0.interface == interface.name }
        if hasRoute || interface.addresses.contains(where: { used.contains($0.address) }) { return .uplink }
        switch interface.kind {
        // A system that tells no routes may leave by any adapter.
        case .adapter: return routes.isEmpty ? .uplink : .adapter
        case .tunnel: return .tunnel
        case .container: return nil
        }
    }

    /// The preferred default route's interface comes first, then the others in the system's order.
    private func order(of interface: NetworkInterface, at index: Int) -> Int {
        routes.firstIndex { $0.interface == interface.name } ?? routes.count + index
    }
}
