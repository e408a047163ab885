/// The probability that two sides' choices of ports meet, computed from the sizes alone.
package enum Collision {
    /// That one of `guesses` distinct guesses is one of `open` distinct ports, among `range` equally probable ones: `1 - (1 - open / range)^guesses`, but for that
    /// neither is chosen twice.
    package static func probability(open: Int, guesses: Int, range: Int) -> Double {
        guard open > 0, guesses > 0, range > 0 else { return 0 }
        guard open + guesses <= range else { return 1 }
        var missed = 1.0
        for guess in 0..<guesses {
            missed *= Double(range - open - guess) / Double(range - guess)
            if missed < 1e-12 { return 1 }
        }
        return 1 - missed
    }

    /// The fewest guesses with which the probability reaches `goal`, or `limit` where none does.
    package static func guesses(open: Int, range: Int, goal: Double, limit: Int) -> Int {
        guard open > 0, range > 0 else { return max(0, limit) }
        var missed = 1.0
        for guess in 0..<max(0, min(limit, range)) {
            missed *= max(0, Double(range - open - guess) / Double(range - guess))
            if 1 - missed >= goal { return guess + 1 }
        }
        return max(0, min(limit, range))
    }

    /// That each of two sides owns the one port that the other side's whole burst is sent to: `(openA / rangeA) (openB / rangeB)`.
    package static func crossed(openA: Int, rangeA: Int, openB: Int, rangeB: Int) -> Double {
        guard rangeA > 0, rangeB > 0 else { return 0 }
        return min(1, Double(max(0, openA)) / Double(rangeA)) * min(1, Double(max(0, openB)) / Double(rangeB))
    }
}
