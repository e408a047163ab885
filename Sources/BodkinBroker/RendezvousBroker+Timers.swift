import HeapModule
import NIOCore

extension RendezvousBroker {
    /// The timers that are set, moot ones included.
    var timerCount: Int { timers.count }

    /// Fewer timers are not worth a look.
    static let leastTimerLimit = 4_096

    /// Has something done at `deadline`.
    ///
    /// Timers are not removed when they become moot. If they have doubled, all moot ones go, so their number follows what the broker holds.
    mutating func schedule(_ purpose: BrokerTimer.Purpose, at deadline: NIODeadline) {
        timers.insert(BrokerTimer(deadline: deadline, purpose: purpose))
        guard timers.count > timerLimit else { return }
        timers = Heap(timers.unordered.filter { !isMoot($0.purpose) })
        timerLimit = max(Self.leastTimerLimit, 2 * timers.count)
    }

    private func isMoot(_ purpose: BrokerTimer.Purpose) -> Bool {
        switch purpose {
        case .bindings(let attempt), .answer(let attempt), .patience(let attempt), .expiry(let attempt), .credit(let attempt, _):
            attempts[attempt] == nil
        case .dueMeets(let peer): !dueMeetTimers.contains(peer)
        case .parked(let binding): parked[binding] == nil
        case .sweep: false
        }
    }
}
