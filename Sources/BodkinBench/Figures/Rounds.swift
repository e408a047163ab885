/// A figure that was taken once in every round.
struct Rounds {
    private(set) var values: [Double] = []

    mutating func append(_ value: Double) { values.append(value) }

    /// The middle one; 0 where there is none.
    var median: Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }

    /// `median (least to most)`.
    func text(decimals: Int) -> String {
        guard let least = values.min(), let most = values.max() else { return "nothing was measured" }
        return "\(Self.text(median, decimals)) (\(Self.text(least, decimals)) to \(Self.text(most, decimals)))"
    }

    /// A number with so many decimals.
    static func text(_ value: Double, _ decimals: Int) -> String {
        let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
        let scaled = Int((abs(value) * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return "\(sign)\(scaled)" }
        let rest = "\(scaled % scale)"
        return "\(sign)\(scaled / scale).\(String(repeating: "0", count: decimals - rest.count))\(rest)"
    }

    /// The quotients of two figures, round by round.
    static func / (left: Rounds, right: Rounds) -> Rounds {
        var result = Rounds()
        for (left, right) in zip(left.values, right.values) { result.append(left / right) }
        return result
    }
}
