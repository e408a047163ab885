extension TraversalEstimate {
    /// The verdict and the plan, in one line.
    package var words: String { feasibility.words + (plan.map { ": \($0.words)" } ?? "") }
}

extension Feasibility {
    /// `certain`, `likely, 98.8 % a round`, `impossible (unpredictable)` or `unknown`.
    package var words: String {
        switch self {
        case .certain: "certain"
        case .likely(let probability, _): "likely, \((probability * 1000).rounded() / 10) % a round"
        case .impossible(let reason): "impossible (\(reason.rawValue))"
        case .unknown: "unknown"
        }
    }

    /// The probability that one of so many rounds connects; nil where it is unknown.
    package func probability(rounds: Int) -> Double? {
        switch self {
        case .certain: return 1
        case .likely(let probability, _): return 1 - (0..<max(0, rounds)).reduce(1.0) { missed, _ in missed * (1 - probability) }
        case .impossible: return 0
        case .unknown: return nil
        }
    }
}

extension PunchPlan {
    /// What both sides do, for example `16 SYNs at the predicted port against 16 SYNs at the predicted port`.
    package var words: String {
        let order = first.map { $0 == .a ? ", the first side first" : ", the second side first" } ?? ""
        return a == b && first == nil ? "\(a.words) from each side" : "\(a.words) against \(b.words)\(order)"
    }
}

extension PunchPlan.Action {
    /// What one side does.
    package var words: String {
        func count(_ number: Int) -> String { number == 1 ? "1 SYN" : "\(number) SYNs" }
        switch self {
        case .meet: return "1 SYN at the port seen"
        case .burst(let number, .known): return "\(count(number)) at the known port"
        case .burst(let number, .predicted): return "\(count(number)) at the predicted port"
        case .burst(let number, .chosen): return "\(count(number)) at one port of the block"
        case .guess(let number): return number == 1 ? "1 SYN at the predicted port" : "\(number) guesses from the reserved port"
        }
    }
}
