package import BodkinCore
package import BodkinPrediction

/// The findings about the networks that a peer was in lately. A peer that comes back to one has them at once.
///
/// A network is known by its default routes and, since those are the same in many homes, by the address that the server sees it as. Nothing of it is written anywhere.
package struct NetworkMemory<Finding> {
    private var entries: [(routes: [DefaultRoute], addresses: Set<IPAddress>, finding: Finding)] = []

    /// Knows nothing yet.
    package init() {}

    /// The most networks that are remembered.
    package static var limit: Int { 8 }

    /// Remembers what was found in the network that has these default routes and is seen as these addresses.
    package mutating func note(_ finding: Finding, by routes: [DefaultRoute], seenAs addresses: Set<IPAddress>) {
        entries.removeAll { $0.routes == routes && !addresses.isDisjoint(with: $0.addresses) }
        entries.append((routes, addresses, finding))
        if entries.count > Self.limit { entries.removeFirst() }
    }

    /// The latest finding about a network; nil where that network is not known.
    package func finding(by routes: [DefaultRoute], seenAs address: IPAddress) -> Finding? {
        entries.last { $0.routes == routes && $0.addresses.contains(address) }?.finding
    }
}

extension NetworkMemory<AllocationProfile> {
    /// Remembers how ports were given out there. What explains nothing is not worth it, and a subscriber's block may be another one the next time.
    package mutating func note(_ found: AllocationProfile, by routes: [DefaultRoute]) {
        switch found.estimate.allocation {
        case .unknown, .block: break
        case .equal, .preserving, .sequential, .dependent, .random: note(found, by: routes, seenAs: Set(found.estimate.addresses))
        }
    }
}
