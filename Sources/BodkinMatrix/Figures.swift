/// A series of times, with what is asked of them.
struct Figures: Codable, Sendable {
    /// What was measured.
    var name: String
    /// Where: the pair of NATs.
    var pair: String
    /// Every time, in milliseconds, sorted.
    var milliseconds: [Double]
    /// The floor in one-way delays, and what the median may be above it, in milliseconds.
    var floor: Double
    var allowance: Double
    /// What p99 may be above the floor, in milliseconds; nil where nothing is asked of it.
    var tailAllowance: Double?
    /// Medians of the cost of one dial.
    var packets: Double
    var bytes: Double
    /// Dials without a time.
    var failureCount = 0
    /// The dialer's shots; nil where it was a process that does not tell.
    var halfOpen: Double?

    func percentile(_ part: Double) -> Double { Self.percentile(milliseconds, part) }

    /// The nearest-rank percentile.
    static func percentile(_ sorted: [Double], _ part: Double) -> Double {
        guard !sorted.isEmpty else { return .nan }
        return sorted[min(sorted.count - 1, max(0, Int((Double(sorted.count) * part).rounded(.up)) - 1))]
    }

    static func rounded(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
    /// Without decimals; nothing where there is no value.
    static func whole(_ value: Double) -> String { Int(exactly: value.rounded()).map { "\($0)" } ?? "" }

    var target: Double { floor * SpeedTrial.delayMilliseconds + allowance }
    var tailTarget: Double? { tailAllowance.map { floor * SpeedTrial.delayMilliseconds + $0 } }
    /// Whether the times are what is asked.
    var isMet: Bool { failureCount == 0 && percentile(0.5) <= target && tailTarget.map { percentile(0.99) <= $0 } ?? true }

    var line: String {
        "\(pair), \(name): p50 \(Self.rounded(percentile(0.5))) ms (at most \(Self.rounded(target)) asked), p99 \(Self.rounded(percentile(0.99))) ms, "
            + "\(milliseconds.count) dials, \(Self.rounded(packets)) packets, \(Self.rounded(bytes)) bytes"
            + (failureCount > 0 ? ", \(failureCount) failed" : "") + (halfOpen.map { ", \(Self.rounded($0)) SYNs" } ?? "") + " a dial"
    }
}
