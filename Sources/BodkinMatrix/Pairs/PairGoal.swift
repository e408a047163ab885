import BodkinExercise
import BodkinNATLab

/// The target of a pair of presets beyond its estimate.
struct PairGoal: Sendable, Hashable {
    /// Of 100 dials so many are direct.
    var direct: Int
    /// In that time, in milliseconds to the first byte by the direct path.
    var within: Double?
    /// The most rounds of prediction that a direct one takes.
    var rounds: Int?
    /// The median of the time to the first byte by the direct path, in milliseconds.
    var median: Double?

    /// 13 one-way delays of 25 ms: three for the introduction, four for the circuit's handshake beside a fresh sample, two for the forecasts, four for the crossing
    /// SYNs, their handshake and the byte; and 50 ms.
    private static let predictedMedian = 13 * SpeedTrial.delayMilliseconds + 50

    /// The target of the pair, in either order; nil if there is only the estimate.
    static func asked(of a: NATPreset, _ b: NATPreset) -> PairGoal? {
        let other = { (preset: NATPreset) -> NATPreset? in a == preset ? b : b == preset ? a : nil }
        if let other = other(.symmetricSequential), other == .symmetricSequential || PeerCell.tierOne.contains(other) {
            return PairGoal(direct: 97, rounds: 2, median: predictedMedian)
        }
        if a == b, [.symmetricNoisy, .symmetricDependent].contains(a) { return PairGoal(direct: 95) }
        if let other = other(.symmetricRandom), PeerCell.tierOne.contains(other) { return PairGoal(direct: 98, within: 3000) }
        return nil
    }

    /// In words.
    var words: String {
        var parts = ["direct in \(direct) of 100" + (within.map { " within \(Figures.rounded($0)) ms" } ?? "")]
        if let rounds { parts.append("at most \(rounds) rounds") }
        if let median { parts.append("p50 at most \(Figures.rounded(median)) ms") }
        return parts.joined(separator: ", ")
    }
}
