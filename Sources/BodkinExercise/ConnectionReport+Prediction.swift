public import BodkinCore

extension ConnectionReport.Attempt {
    /// The round of prediction that it was, as its detail has it: `round 2: predicted, from fresh ports`. Nil where it was a Meet or a circuit.
    public var predictedRound: Int? {
        guard let detail = detail.split(separator: "round ", maxSplits: 1).first, self.detail.hasPrefix("round ") else { return nil }
        let parts = detail.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[1].hasPrefix(" predicted") else { return nil }
        return Int(parts[0])
    }
}
