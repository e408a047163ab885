import BodkinCore

/// SplitMix64 (Steele, Lea and Flood 2014), and draws from it: the same sequence for the same seed on every platform.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var random: SplitMix64

    /// A generator whose whole sequence follows from `seed`.
    package init(seed: UInt64) { random = SplitMix64(state: seed) }

    /// The next 64 bits of the sequence.
    package mutating func next() -> UInt64 { random.next() }

    /// A number in 0 ..< 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// How many events of a Poisson process with this mean happened, by summing exponential gaps (Knuth), bounded at 100 000.
    mutating func poisson(mean: Double) -> Int {
        var sum = 0.0
        for count in 0..<100_000 {
            sum -= Self.logarithm(1 - unit())
            if sum > mean { return count }
        }
        return 100_000
    }

    /// The natural logarithm of a number in 0 ... 1, without a C library: exponent and significand apart, then the series of atanh.
    private static func logarithm(_ x: Double) -> Double {
        guard x > 0 else { return -745 }
        let ratio = (x.significand - 1) / (x.significand + 1)
        var term = ratio
        var sum = 0.0
        for k in stride(from: 1.0, through: 31, by: 2) {
            sum += term / k
            term *= ratio * ratio
        }
        return Double(x.exponent) * 0.693_147_180_559_945_3 + 2 * sum
    }
}
