/// One step of a NAT that counts.
struct Step: Sendable {
    /// How many allocations of others lie in between; nil where the step does not fit at all.
    let strangers: Int?
    /// Seconds between the two SYNs.
    let time: Double
    /// The probability of a step that follows no rule.
    let outlier: Double
}

/// How well steps fit, with the noise that fits them best.
struct Fit: Sendable {
    /// More allocations of others per second than this are no noise any more.
    static let mostNoise = 2000.0
    /// SYNs sent at once are taken to be this far apart, in seconds.
    static let shortest = 0.0005

    /// The logarithm of the probability of all steps.
    private(set) var weight = 0.0
    /// How many steps fit.
    private(set) var agreeing = 0
    /// The allocations of others in all of them.
    private(set) var strangers = 0
    /// The time of all of them, in seconds.
    private(set) var time = 0.0

    /// - Parameter drawn: the logarithm of the probability of a port that follows no rule.
    init(_ steps: [Step], drawn: Double = Hypothesis.anywhere) {
        let fitting = steps.map { step in
            step.strangers.flatMap { Double($0) <= 8 + Self.mostNoise * step.time ? $0 : nil }
        }
        for (step, count) in zip(steps, fitting) {
            guard let count else { continue }
            strangers += count
            time += max(step.time, Self.shortest)
        }
        let rate = time > 0 ? min(Double(strangers) / time, Self.mostNoise) : 0
        // What the choice of a rate is worth: a quiet NAT is likelier than a loud one.
        weight = -LogProbability.of(1 + rate / 50)
        for (step, count) in zip(steps, fitting) {
            let lost = LogProbability.of(step.outlier) + drawn
            let mean = rate * max(step.time, Self.shortest) + 0.02
            let kept = count.map { LogProbability.of(1 - step.outlier) + LogProbability.geometric($0, mean: mean) } ?? -.infinity
            weight += max(kept, lost)
            if kept > lost { agreeing += 1 }
        }
    }
}
