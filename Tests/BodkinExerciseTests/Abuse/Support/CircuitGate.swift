import BodkinCore
import BodkinIdentity
import BodkinProtocols
import Synchronization

/// Keeps what peers send over circuits, until it lets one direction of one peer's circuit through.
final class CircuitGate: Sendable {
    /// One direction of the circuit that this peer has dialed.
    enum Direction: Hashable {
        case fromDialer(PeerID)
        case toDialer(PeerID)
    }

    private struct State {
        var open: Set<Direction> = []
        var kept: [Direction: [WireEnvelope.OneOf_Body]] = [:]
    }

    private let state = Mutex(State())

    /// Whether a piece is kept.
    func keeps(_ body: WireEnvelope.OneOf_Body, _ direction: Direction) -> Bool {
        state.withLock { state in
            guard !state.open.contains(direction) else { return false }
            state.kept[direction, default: []].append(body)
            return true
        }
    }

    /// Whether anything is kept.
    func isHolding(_ direction: Direction) -> Bool { state.withLock { $0.kept[direction] != nil } }

    /// Opens: what was kept, in order.
    func open(_ direction: Direction) -> [WireEnvelope.OneOf_Body] {
        state.withLock { state in
            state.open.insert(direction)
            return state.kept.removeValue(forKey: direction) ?? []
        }
    }
}
