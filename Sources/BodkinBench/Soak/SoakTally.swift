import Bodkin
import Synchronization

/// What has happened so far in a soak, told by the peers from their event loops and by the conversations from their tasks.
final class SoakTally: Sendable {
    /// How often what has happened.
    struct Counts {
        var connects = 0
        var deaths = 0
        var closes = 0
        var bytes = 0
        var failures: [String: Int] = [:]
    }

    private let state = Mutex(Counts())

    var counts: Counts { state.withLock { $0 } }

    func connected() { state.withLock { $0.connects += 1 } }
    func closed() { state.withLock { $0.closes += 1 } }
    func echoed(_ count: Int) { state.withLock { $0.bytes += count } }
    func fail(_ what: String) { state.withLock { $0.failures[what, default: 0] += 1 } }

    /// Counts the deaths of paths that a peer tells of.
    func note(_ event: PeerEvent) { if case .pathLost = event.kind { state.withLock { $0.deaths += 1 } } }
}
