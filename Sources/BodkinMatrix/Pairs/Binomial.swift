#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// How many of so many independent tries succeed: exact tails, and the counts that are too improbable to be chance.
enum Binomial {
    /// The probability of at most so many successes.
    static func atMost(_ successes: Int, of trials: Int, probability: Double) -> Double {
        if successes < 0 { return 0 }
        if successes >= trials || probability <= 0 { return 1 }
        if probability >= 1 { return 0 }
        // From logarithms, so that many trials do not vanish.
        let odds = log(probability) - log1p(-probability)
        var logarithm = Double(trials) * log1p(-probability)
        var sum = exp(logarithm)
        for count in 0..<successes {
            logarithm += log(Double(trials - count) / Double(count + 1)) + odds
            sum += exp(logarithm)
        }
        return min(1, sum)
    }

    /// The probability of at least so many successes: that of at most so many failures, which keeps a small tail exact.
    static func atLeast(_ successes: Int, of trials: Int, probability: Double) -> Double {
        atMost(trials - successes, of: trials, probability: 1 - probability)
    }

    /// The counts of successes that are not to be wondered at: outside of them there is less than `error` in each tail.
    static func bounds(of trials: Int, probability: Double, error: Double) -> ClosedRange<Int> {
        let trials = max(0, trials)
        let low = (0...trials).first { atMost($0, of: trials, probability: probability) >= error } ?? trials
        let high = (low...trials).last { atLeast($0, of: trials, probability: probability) >= error } ?? low
        return low...high
    }
}
