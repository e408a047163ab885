import Bodkin
import BodkinCore
import Synchronization

extension Survival {
    /// What both sides' peers tell of their paths.
    struct Watch: Sendable {
        let near: Observer
        let far: Observer
        var deaths: Int { near.deaths + far.deaths }
        /// The path that the dialer takes for alive.
        var carrier: Carrier? { near.carrier }
    }

    /// A path that carries the conversation.
    struct Carrier {
        var route: Route
        /// Its remote endpoint; nil for a circuit.
        var remote: Endpoint?
    }

    /// What one side's peer tells of its paths.
    final class Observer: Sendable {
        private let name: String
        private let onEvent: (@Sendable (String, PeerEvent) -> Void)?
        private let state = Mutex<State>(State())

        private struct State {
            var deaths = 0
            var carrier: Carrier?
            var lostAt: ContinuousClock.Instant?
            var gaps: [Duration] = []
        }

        init(_ name: String, _ onEvent: (@Sendable (String, PeerEvent) -> Void)?) {
            self.name = name
            self.onEvent = onEvent
        }

        func note(_ event: PeerEvent) {
            onEvent?(name, event)
            state.withLock { state in
                switch event.kind {
                case .connected(_, let route): state.carrier = Carrier(route: route, remote: nil)
                case .pathLost:
                    state.deaths += 1
                    state.carrier = nil
                    state.lostAt = state.lostAt ?? .now
                case .pathChanged(_, let route, let remote):
                    // Replaced before it was given up.
                    if state.carrier?.route == .direct { state.deaths += 1 }
                    state.carrier = Carrier(route: route, remote: remote)
                    if let lostAt = state.lostAt { state.gaps.append(.now - lostAt) }
                    state.lostAt = nil
                default: break
                }
            }
        }

        var deaths: Int { state.withLock { $0.deaths } }
        var carrier: Carrier? { state.withLock { $0.carrier } }
        var gaps: [Duration] { state.withLock { $0.gaps } }
    }
}
