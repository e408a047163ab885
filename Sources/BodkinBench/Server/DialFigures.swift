import BodkinCore
import NIOCore

/// What the ledger says about all dials.
struct DialFigures {
    private let count: Int
    private let relayed: Int
    private let failures: [String: Int]
    /// Dial to the later of both Meets, Ping to Pong, and the difference of the two, dial by dial: milliseconds, sorted.
    private let meet: [Double]
    private let baseline: [Double]
    private let own: [Double]

    init(_ ledger: DialLedger) {
        let dials = ledger.dials
        let complete = dials.compactMap { dial -> (meet: Double, baseline: Double)? in
            guard let written = dial.written, let pong = dial.pong, let dialer = dial.dialer, let called = dial.called else { return nil }
            return (Self.milliseconds(max(dialer, called) - written), Self.milliseconds(pong - written))
        }
        count = dials.count
        relayed = dials.count { $0.isRelayed }
        meet = complete.map(\.meet).sorted()
        baseline = complete.map(\.baseline).sorted()
        own = complete.map { $0.meet - $0.baseline }.sorted()
        failures = ledger.failures
    }

    /// Prints it; false where anything has failed.
    func show() -> Bool {
        let lost = count - meet.count
        print(
            "  dials: \(count), of which \(meet.count) met at both sides and \(relayed) had their circuit; failures",
            "\(lost + failures.values.reduce(0, +)) (target 0)")
        for (what, number) in failures.sorted(by: { $0.key < $1.key }) { print("    \(number) times \(what)") }
        print("  Dial written to Meet read at both sides: \(Self.summary(meet))")
        print("  Ping written to Pong read, same connection and flush: \(Self.summary(baseline))")
        print("  the server's own delay, their difference dial by dial: \(Self.summary(own)) (target: a few ms)")
        return lost == 0 && relayed == count && failures.isEmpty && count > 0
    }

    private static func milliseconds(_ amount: TimeAmount) -> Double { Double(amount.nanoseconds) / 1e6 }

    private static func summary(_ sorted: [Double]) -> String {
        guard let last = sorted.last else { return "nothing was measured" }
        let p99 = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        return "p50 \(precise(sorted[sorted.count / 2])), p99 \(precise(p99)), most \(precise(last)) ms"
    }

    /// Milliseconds with two decimals.
    static func precise(_ milliseconds: Double) -> String {
        let hundredths = Int((milliseconds * 100).rounded())
        return "\(hundredths / 100).\(hundredths / 10 % 10)\(hundredths % 10)"
    }
}
