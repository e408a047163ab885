#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Logarithms of probabilities, and sums of them.
enum LogProbability {
    /// The natural logarithm.
    static func of(_ probability: Double) -> Double { log(probability) }

    /// The logarithm of the sum of the probabilities whose logarithms these are.
    static func sum(_ logarithms: some Collection<Double>) -> Double {
        guard let largest = logarithms.max(), largest > -.infinity else { return -.infinity }
        return largest + log(logarithms.reduce(0) { $0 + exp($1 - largest) })
    }

    /// e to the power of it.
    static func value(_ logarithm: Double) -> Double { exp(logarithm) }

    /// That there are `count` events where `mean` are expected, by the geometric distribution: its tail is heavier than Poisson's, as befits traffic in bursts.
    static func geometric(_ count: Int, mean: Double) -> Double {
        Double(count) * log(mean / (1 + mean)) - log(1 + mean)
    }

    /// The logarithm of `count` factorial.
    static func factorial(_ count: Int) -> Double {
        count < 2 ? 0 : (2...count).reduce(0) { $0 + log(Double($1)) }
    }
}

/// The Poisson distribution: how many allocations other hosts make in a given time.
enum Poisson {
    /// The probability of at most `count` events where `mean` are expected.
    static func atMost(_ count: Int, mean: Double) -> Double {
        guard count >= 0 else { return 0 }
        guard mean > 0 else { return 1 }
        // From logarithms, so that a large mean does not vanish.
        let terms = (0...count).map { Double($0) * log(mean) - mean - LogProbability.factorial($0) }
        return min(1, exp(LogProbability.sum(terms)))
    }
}
