import CoreMetrics
import Synchronization

/// One series of figures: a counter, a gauge or a histogram.
final class PrometheusSeries: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, TimerHandler {
    enum Kind: String { case counter, gauge, histogram }

    /// The upper bounds of a histogram's buckets, in seconds: from a LAN's round trip to a dial's timeout.
    static let bounds: [Double] = [0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 30]

    struct Figures {
        var sum = 0.0
        var count: UInt64 = 0
        /// How many were within each bound and not within the one before.
        var buckets = [UInt64](repeating: 0, count: PrometheusSeries.bounds.count)
    }

    let kind: Kind
    private let state = Mutex(Figures())

    init(_ kind: Kind) { self.kind = kind }

    var figures: Figures { state.withLock { $0 } }

    func reset() { state.withLock { $0 = Figures() } }
    func increment(by amount: Int64) { increment(by: Double(amount)) }
    func increment(by amount: Double) { state.withLock { $0.sum += amount } }
    func decrement(by amount: Double) { state.withLock { $0.sum -= amount } }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { state.withLock { $0.sum = value } }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard kind == .histogram else { return set(value) }
        state.withLock {
            $0.sum += value
            $0.count += 1
            if let index = Self.bounds.firstIndex(where: { value <= $0 }) { $0.buckets[index] += 1 }
        }
    }
}
