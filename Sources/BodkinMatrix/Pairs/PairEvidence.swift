import BodkinExercise
import BodkinPairs

/// What came of all pairs of networks.
struct PairEvidence: Codable, Sendable {
    /// The rounds of prediction that an attempt has at most.
    static let rounds = 2
    /// The probability that any of all findings about rates is chance, where all rates are right (Bonferroni's inequality divides it among them).
    static let familyError = 0.01

    /// What the values of a dial are.
    var columns = PairDial.columns
    var outcomes: [PairOutcome] = []

    init() {}

    /// The probability of each finding about a rate, so that there is none in 99 of 100 runs where all rates are right.
    var error: Double { Self.familyError / Double(max(1, outcomes.reduce(0) { $0 + $1.rateTests })) }

    /// What they must not show.
    var findings: [PairFinding] { outcomes.flatMap { $0.findings(error: error) } }

    /// Takes the place of what there was of the same pairs; the catalogue gives the order.
    mutating func replace(with new: [PairOutcome]) {
        func key(_ outcome: PairOutcome) -> String { "\(outcome.group.rawValue) \(outcome.name)" }
        var known = Dictionary(outcomes.map { (key($0), $0) }, uniquingKeysWith: { $1 })
        for outcome in new { known[key(outcome)] = outcome }
        outcomes = Self.catalogue.compactMap { known[key($0)] }
    }

    /// Every pair of both maps, without a dial.
    static let catalogue =
        NATPair.presets.map { PairOutcome($0, .presets) } + NATPair.configurations.map { PairOutcome($0, .configurations) }

    var summary: String {
        let dials = outcomes.reduce(0) { $0 + $1.dials.count }
        let kinds = ["certain", "likely", "impossible", "unknown"].compactMap { kind -> String? in
            let own = outcomes.filter { $0.feasibility == kind && !$0.dials.isEmpty }
            guard !own.isEmpty else { return nil }
            return "\(kind) \(own.count) pairs, direct in \(own.reduce(0) { $0 + $1.direct }) of \(own.reduce(0) { $0 + $1.dials.count }) dials"
        }
        let unconnected = outcomes.reduce(0) { $0 + $1.unconnected }
        return "pairs by prediction: \(outcomes.count) pairs, \(dials) dials, \(unconnected) without a connection; \(kinds.joined(separator: "; ")); "
            + "\(Set(findings.map(\.pair)).count) pairs unexpected"
    }
}
