import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinPairs
import BodkinPrediction

extension HeatMap {
    /// The maps of presets and of configurations. Pairs of tier 1 come from the cells, the rest from the pairs.
    static func all(_ evidence: Evidence) -> [HeatMap] {
        let pairs = evidence.pairs ?? PairEvidence()
        let error = pairs.error
        func cells(_ group: PairOutcome.Group) -> [Cell] { pairs.outcomes.filter { $0.group == group }.map { Cell($0, error: error) } }
        let presets = (PeerCell.tierOne + NATPair.symmetric).map(\.rawValue)
        let tierOne = PeerCell.tierOne.indices.flatMap { first in
            PeerCell.tierOne[first...].map { NATPair(.preset(PeerCell.tierOne[first]), .preset($0)) }
        }
        let clean = Dictionary(grouping: evidence.clean, by: \.cell)
        return [
            HeatMap(
                title: "Presets", anchor: "presets", names: presets,
                cells: tierOne.map { Cell($0, clean[$0.description] ?? []) } + cells(.presets)),
            HeatMap(
                title: "Configurations of p2pd, each network once", anchor: "configurations", names: NATConfiguration.distinct.map(\.rawValue),
                cells: cells(.configurations)),
        ]
    }
}

extension HeatMap.Cell {
    /// A pair with its dials.
    init(_ outcome: PairOutcome, error: Double) {
        self.init(
            a: outcome.a, b: outcome.b, dials: outcome.dials.count, direct: outcome.direct, unconnected: outcome.unconnected,
            verdict: outcome.verdict,
            isDirectExpected: outcome.feasibility != "impossible", times: outcome.directTimes,
            firstBytes: outcome.dials.compactMap(\.farByte).sorted(),
            rounds: Self.words(outcome.rounds), mostProbes: outcome.mostProbes, packets: outcome.packets,
            seeds: Self.range(outcome.dials.map(\.seed)), findings: outcome.findings(error: error).map(\.text))
    }

    /// A cell of tier 1, which has no prediction. Its time is that at which the dialer's connection was on the direct path.
    init(_ pair: NATPair, _ dials: [Evidence.Dial]) {
        let wrong = dials.count { !$0.isAsExpected }
        self.init(
            a: pair.a.rawValue, b: pair.b.rawValue, dials: dials.count, direct: dials.count { $0.route == Route.direct.rawValue },
            unconnected: dials.count { $0.route == nil }, verdict: pair.forecast.words, isDirectExpected: true,
            times: dials.compactMap(\.directMilliseconds).sorted(), firstBytes: dials.compactMap(\.farByteMilliseconds).sorted(), rounds: "",
            mostProbes: 0,
            packets: Figures.percentile(dials.map { Double($0.packets) }.sorted(), 0.5), seeds: Self.range(dials.map(\.seed)),
            findings: wrong == 0 ? [] : ["\(wrong) of \(dials.count) dials unexpected"])
    }

    /// `97 in 1, 3 in 2`; nothing where no path came of a prediction.
    private static func words(_ rounds: [Int: Int]) -> String {
        guard rounds.keys.contains(where: { $0 > 0 }) else { return "" }
        return rounds.sorted { $0.key < $1.key }.map { "\($0.value) in \($0.key)" }.joined(separator: ", ")
    }

    private static func range(_ seeds: [UInt64]) -> String {
        guard let first = seeds.min(), let last = seeds.max() else { return "" }
        return first == last ? "\(first)" : "\(first)–\(last)"
    }
}
