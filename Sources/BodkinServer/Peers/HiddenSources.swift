import BodkinCore

/// Whether something in front of the server hides where its peers are: then everybody comes from one private address, as behind Docker's userland proxy.
struct HiddenSources {
    /// So many peers from one address are no household beside the server any more.
    private static let count = 3

    private let isLocal: Bool
    private var address: IPAddress?
    private var peers: Set<PeerID> = []
    private var isDecided = false

    /// - Parameter hosts: the names and addresses in the URL: a server of loopback addresses alone sees nothing else.
    init(hosts: [String]) { isLocal = hosts.allSatisfy { $0 == "localhost" || IPAddress($0)?.scope == .unusable } }

    /// A peer has come. True once, when enough have come from one private address and none from another one.
    mutating func joined(_ peer: PeerID, from source: IPAddress) -> Bool {
        guard !isDecided, !isLocal else { return false }
        guard source.scope != .public, address ?? source == source else {
            isDecided = true
            return false
        }
        address = source
        peers.insert(peer)
        isDecided = peers.count >= Self.count
        return isDecided
    }
}
