package import BodkinCore
import BodkinPrediction
package import BodkinSystem

/// How the NATs of the networks give out ports that a peer was in lately. Whoever comes back to one can predict at once, while it looks again.
///
/// A network is known by its default routes and, since those are the same in many homes, by the address that the server sees it as. Nothing of it is written anywhere.
package struct AllocationMemory {
    /// The most networks that are remembered.
    package static let limit = 8

    private var entries: [(routes: [DefaultRoute], profile: AllocationProfile)] = []

    /// Knows nothing yet.
    package init() {}

    /// Remembers what was found in the network that has these default routes. What explains nothing is not worth it, and a household's block may be another one by then.
    package mutating func note(_ profile: AllocationProfile, by routes: [DefaultRoute]) {
        switch profile.estimate.allocation {
        case .unknown, .block: return
        case .equal, .preserving, .sequential, .dependent, .random: break
        }
        let addresses = Set(profile.estimate.addresses)
        entries.removeAll { $0.routes == routes && !addresses.isDisjoint(with: $0.profile.estimate.addresses) }
        entries.append((routes, profile))
        if entries.count > Self.limit { entries.removeFirst() }
    }

    /// What was found there last; nil where that network is not known.
    package func profile(by routes: [DefaultRoute], seenAs address: IPAddress) -> AllocationProfile? {
        entries.last { $0.routes == routes && $0.profile.estimate.addresses.contains(address) }?.profile
    }
}
