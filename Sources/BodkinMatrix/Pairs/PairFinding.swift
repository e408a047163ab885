import BodkinCore

/// Something that a pair of networks must not show.
struct PairFinding: Codable, Sendable, Hashable {
    enum Kind: String, Codable, Sendable {
        /// A dial without any connection.
        case connection
        /// A certain pair that is not direct, or an impossible one that is.
        case route
        /// Probes beyond the first Meet where nothing can come of them, or more than a search may have.
        case probes
        /// Relayed for another reason than arithmetic has.
        case verdict
        /// More or fewer direct dials than the estimate and chance allow.
        case rate
        /// Fewer direct dials, more rounds or more time than is asked.
        case goal
    }

    var pair: String
    var kind: Kind
    var text: String

    var line: String { "\(pair): \(text)" }
}

extension PairOutcome {
    /// The tests of a rate that are made of it, which all share the error that is allowed.
    var rateTests: Int { dials.isEmpty ? 0 : (feasibility == "likely" ? 2 : 0) + (goal == nil ? 0 : 1) }

    /// What it must not show.
    /// - Parameter error: the probability of each finding about a rate, where the rate is right.
    func findings(error: Double) -> [PairFinding] {
        guard !dials.isEmpty else { return [] }
        var result: [PairFinding] = []
        func find(_ kind: PairFinding.Kind, _ text: String) { result.append(PairFinding(pair: name, kind: kind, text: text)) }
        if unconnected > 0 { find(.connection, "\(unconnected) of \(dials.count) dials without a connection") }
        switch feasibility {
        case "certain" where direct < dials.count: find(.route, "certain, and direct in \(direct) of \(dials.count) only")
        case "impossible":
            if direct > 0 { find(.route, "impossible, and direct in \(direct) of \(dials.count)") }
            let others = dials.filter { $0.route == Route.circuit.rawValue && $0.verdict != relayVerdict }
            if let relayVerdict, let other = others.first {
                find(.verdict, "\(others.count) of \(dials.count) relayed as \(other.verdict ?? "nothing"), not as \(relayVerdict)")
            }
            if mostProbes > probeLimit { find(.probes, "impossible, and up to \(mostProbes) SYNs beyond the Meet") }
        case "likely":
            guard let expected else { break }
            let bounds = Binomial.bounds(of: dials.count, probability: expected, error: error)
            if !bounds.contains(direct) {
                find(.rate, "direct in \(direct) of \(dials.count), where \(bounds.lowerBound) to \(bounds.upperBound) are to be expected")
            }
        case "unknown": find(.route, "the pair has no estimate")
        default: break
        }
        for text in shortfalls(error: error) { find(.goal, text) }
        return result
    }

    /// How many probes an impossible pair may fire beyond the Meet: none where the peers know why it is impossible, and one search where no SYN gets through. A peer
    /// cannot tell that silence from a NAT whose mapping depends on the remote address, unless the server has two addresses.
    private var probeLimit: Int { relayVerdict == nil ? 1_024 : 0 }

    /// Where it falls short of what is asked. Of fewer than 100 dials only what chance does not explain counts.
    private func shortfalls(error: Double) -> [String] {
        guard let goal else { return [] }
        var result: [String] = []
        let good = dials.count { $0.route == Route.direct.rawValue && ($0.directByte ?? .infinity) <= (goal.within ?? .infinity) }
        let isEnough =
            dials.count >= 100
            ? good * 100 >= goal.direct * dials.count
            : Binomial.atMost(good, of: dials.count, probability: Double(goal.direct) / 100) >= error
        if !isEnough { result.append("\(good) of \(dials.count) are as asked (\(goal.words))") }
        if let limit = goal.rounds, let most = rounds.keys.max(), most > limit { result.append("\(most) rounds (\(goal.words))") }
        let median = Figures.percentile(directTimes, 0.5)
        if let limit = goal.median, median > limit { result.append("p50 \(Figures.rounded(median)) ms (\(goal.words))") }
        return result
    }
}
