package import BodkinCore
package import BodkinProtocols
import DequeModule
package import FoundationEssentials

/// What waits to be written to one connection, fairly among its circuits: deficit round robin (Shreedhar and Varghese, 1995). Pure.
///
/// It also judges the credit that comes back: nobody can have consumed what was not written.
package struct CircuitQueue: Sendable {
    /// The most that one message carries, and what a circuit may write in its turn.
    package static let pieceSize = MessageBound.pieceSize

    /// The next thing to write.
    package enum Piece: Sendable, Equatable {
        /// Bytes of a circuit.
        case data(AttemptID, Data)
        /// The circuit is over.
        case end(AttemptID, WireCircuitClose.Reason)
    }

    private var lanes: [AttemptID: Lane] = [:]
    private var turns = Deque<AttemptID>()

    /// An empty queue.
    package init() {}

    /// Whether nothing waits.
    package var isEmpty: Bool { turns.isEmpty }

    /// Adds bytes of a circuit; small pieces are joined, so that the queue takes no more memory than what it holds.
    package mutating func append(_ data: Data, of circuit: AttemptID) {
        guard !data.isEmpty else { return }
        let isNew = lanes[circuit, default: Lane()].append(data)
        if isNew { turns.append(circuit) }
    }

    /// Ends a circuit after what waits of it.
    package mutating func end(_ circuit: AttemptID, _ reason: WireCircuitClose.Reason) {
        let isNew = lanes[circuit, default: Lane()].end(reason)
        if isNew { turns.append(circuit) }
    }

    /// Forgets a circuit and all that waits of it.
    package mutating func drop(_ circuit: AttemptID) {
        guard let lane = lanes.removeValue(forKey: circuit), lane.isWaiting else { return }
        turns.removeAll { $0 == circuit }
    }

    /// Takes credit that the reader of a circuit gives; false when it exceeds what has been written to it and not yet been credited.
    package mutating func credit(_ count: Int, of circuit: AttemptID) -> Bool {
        guard let owed = lanes[circuit]?.owed, count >= 0, count <= owed else { return false }
        lanes[circuit]?.owed -= count
        return true
    }

    /// The next piece; nil when nothing waits.
    package mutating func next() -> Piece? {
        while let circuit = turns.first {
            switch lanes[circuit]?.next() {
            case .data(let data, let isLast):
                if isLast { turns.removeFirst() }
                return .data(circuit, data)
            case .end(let reason):
                turns.removeFirst()
                lanes[circuit] = nil
                return .end(circuit, reason)
            case .laterTurn:
                turns.removeFirst()
                turns.append(circuit)
            case nil: turns.removeFirst()
            }
        }
        return nil
    }
}

extension CircuitQueue {
    /// One circuit's part of the queue.
    private struct Lane {
        enum Step {
            case data(Data, isLast: Bool)
            case end(WireCircuitClose.Reason)
            /// This turn is used up.
            case laterTurn
        }

        private var pieces = Deque<Data>()
        private var end: WireCircuitClose.Reason?
        private var deficit = 0
        /// Written, and not yet credited.
        var owed = 0
        var isWaiting: Bool { !pieces.isEmpty || end != nil }

        /// True when the lane did not wait before.
        mutating func append(_ data: Data) -> Bool {
            guard end == nil else { return false }
            defer {
                if let last = pieces.indices.last, pieces[last].count + data.count <= CircuitQueue.pieceSize {
                    pieces[last].append(data)
                } else {
                    pieces.append(data)
                }
            }
            return pieces.isEmpty
        }

        /// True when the lane did not wait before.
        mutating func end(_ reason: WireCircuitClose.Reason) -> Bool {
            guard end == nil else { return false }
            end = reason
            return pieces.isEmpty
        }

        mutating func next() -> Step? {
            guard let count = pieces.first?.count else { return end.map { .end($0) } }
            guard count <= deficit else {
                // What is left of this turn counts for the next.
                deficit += CircuitQueue.pieceSize
                return .laterTurn
            }
            guard let piece = pieces.popFirst() else { return nil }
            owed += count
            deficit = isWaiting ? deficit - count : 0
            return .data(piece, isLast: !isWaiting)
        }
    }
}
