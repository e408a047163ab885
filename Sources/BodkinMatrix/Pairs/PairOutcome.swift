import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinPairs
import BodkinPrediction

/// The outcome of all dials between two networks, with their estimate.
struct PairOutcome: Codable, Sendable, Hashable {
    /// Which map it is in.
    enum Group: String, Codable, Sendable, CaseIterable { case presets, configurations }

    var group: Group
    var a: String
    var b: String
    /// `certain`, `likely`, `impossible` or `unknown`.
    var feasibility: String
    /// The estimated probability of each round; nil if it is unknown.
    var probability: Double?
    /// The number of rounds in the estimate; nil if there is none.
    var plannedRounds: Int?
    /// The verdict that every relayed dial must have; nil where none is certain.
    var relayVerdict: String?
    /// The estimate and its plan in words.
    var verdict: String
    var dials: [PairDial] = []
    /// The reports of the first dials that were not as expected.
    var traces: [String] = []

    init(_ pair: NATPair, _ group: Group) {
        self.group = group
        a = pair.a.rawValue
        b = pair.b.rawValue
        verdict = pair.forecast.words
        probability = pair.forecast.feasibility.probability(rounds: 1)
        relayVerdict = pair.verdict?.rawValue
        plannedRounds = pair.forecast.plan?.rounds
        feasibility =
            switch pair.forecast.feasibility {
            case .certain: "certain"
            case .likely: "likely"
            case .impossible: "impossible"
            case .unknown: "unknown"
            }
    }

    var name: String { "\(a) + \(b)" }
    var direct: Int { dials.count { $0.route == Route.direct.rawValue } }
    var circuit: Int { dials.count { $0.route == Route.circuit.rawValue } }
    var unconnected: Int { dials.count { $0.route == nil } }
    /// Times to the first byte by the direct path, sorted.
    var directTimes: [Double] { dials.compactMap(\.directByte).sorted() }
    var packets: Double { Figures.percentile(dials.map { Double($0.packets) }.sorted(), 0.5) }
    /// Of the direct dials, by how many rounds of prediction: none is a Meet.
    var rounds: [Int: Int] { Dictionary(dials.filter { $0.route == Route.direct.rawValue }.map { ($0.rounds, 1) }, uniquingKeysWith: +) }
    var mostProbes: Int { dials.map(\.probes).max() ?? 0 }

    /// The target beside the estimated rate.
    var goal: PairGoal? {
        guard let a = NATPreset(rawValue: a), let b = NATPreset(rawValue: b) else { return nil }
        return .asked(of: a, b)
    }

    /// The probability that a dial becomes direct by one of the rounds that it has.
    var expected: Double? {
        probability.map { single in 1 - (0..<(plannedRounds ?? PairEvidence.rounds)).reduce(1.0) { missed, _ in missed * (1 - single) } }
    }

    /// The most reports that are kept of one pair.
    private static let traceLimit = 3

    /// Keeps the report of a dial that differs from the estimate, and returns its outcome in one line.
    mutating func note(_ dial: PairDial, _ report: ConnectionReport?) -> String {
        func time(_ value: Double?) -> String { value.map { "\(Figures.rounded($0)) ms" } ?? "-" }
        let isExpected = dial.route == (feasibility == "impossible" ? Route.circuit : .direct).rawValue
        let line =
            "\(name), seed \(dial.seed), \(dial.dialer.rawValue) dials: \(dial.route ?? "none"), far byte \(time(dial.farByte)), directly "
            + "\(time(dial.directByte)), rounds \(dial.rounds), \(dial.packets) packets\(dial.failure.map { ", \($0)" } ?? "")"
        let trace = isExpected && dial.failure == nil ? line : "\(line)\n\(report.map { "\($0)" } ?? "no report")"
        if !isExpected, traces.count < Self.traceLimit { traces.append(trace) }
        return trace
    }
}
