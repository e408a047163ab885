import BodkinCore
import NIOCore
import Synchronization

/// When what happened to each dial, told by the peers from their event loops.
final class DialLedger: Sendable {
    /// One dial.
    struct Dial {
        /// Ping and Dial are about to be written, in one flush.
        var written: NIODeadline?
        /// The dialer has the Pong.
        var pong: NIODeadline?
        /// The dialer has the Meet.
        var dialer: NIODeadline?
        /// The called side has the Meet.
        var called: NIODeadline?
        /// The remote peer's half of a handshake has come through the circuit, and the circuit has ended well.
        var isRelayed = false
    }

    private struct State {
        var dials: [Dial] = []
        var failures: [String: Int] = [:]
        var isOver = false
    }

    private let state = Mutex(State())

    /// Adds a dial; its number is in its attempt.
    func open() -> (number: Int, attempt: AttemptID) {
        let number = state.withLock { state in
            state.dials.append(Dial())
            return state.dials.count - 1
        }
        let random = AttemptID.random()
        let bytes = withUnsafeBytes(of: UInt64(number).bigEndian) { Array($0) } + random.bytes.dropFirst(8)
        return (number, AttemptID(bytes: bytes) ?? random)
    }

    /// The number that an attempt's first eight bytes are.
    static func number(of attempt: some Collection<UInt8>) -> Int? {
        Int(exactly: attempt.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }

    /// Changes a dial.
    func note(_ number: Int?, _ change: (inout Dial) -> Void) {
        state.withLock { state in
            guard let number, state.dials.indices.contains(number) else { return state.failures["an answer to no dial", default: 0] += 1 }
            change(&state.dials[number])
        }
    }

    /// Something has gone wrong.
    func fail(_ what: String) {
        state.withLock { state in if !state.isOver { state.failures[what, default: 0] += 1 } }
    }

    /// Nothing that comes later counts: the peers go.
    func end() { state.withLock { $0.isOver = true } }

    /// What there is so far.
    var dials: [Dial] { state.withLock { $0.dials } }
    /// How often what has gone wrong.
    var failures: [String: Int] { state.withLock { $0.failures } }
}
