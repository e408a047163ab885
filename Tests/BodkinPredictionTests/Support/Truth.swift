import BodkinEmulation
import BodkinPrediction

/// What the lab was told, in the words of an estimate.
struct Truth: Sendable {
    let mapping: MappingBehaviour
    /// With the exact range; a block's bounds are not known beforehand.
    let word: String
    let delta: Int?

    init(_ layers: [NATParameters]) {
        // The outermost NAT that changes ports decides; a home router that keeps them does not show.
        guard let box = layers.last, box.translates else {
            (mapping, word, delta) = (.none, "equal", nil)
            return
        }
        // A NAT that keeps the local port towards every destination is endpoint-independent for all that can be seen.
        mapping =
            switch box.tcp.mapping {
            case _ where box.tcp.allocation == .equal: .endpointIndependent
            case .endpointIndependent: .endpointIndependent
            case .addressDependent: .addressDependent
            case .addressAndPortDependent: .addressAndPortDependent
            }
        switch box.tcp.allocation {
        case .equal: (word, delta) = ("equal", nil)
        case .preserving: (word, delta) = ("preserving", nil)
        case .sequential(let step): (word, delta) = ("sequential", step)
        case .dependent(let step): (word, delta) = ("dependent", step)
        case .random: (word, delta) = ("random", nil)
        case .block(_, isRandom: true): (word, delta) = ("block", nil)
        // Until it comes round, which a few samples do not show, it counts.
        case .block(_, isRandom: false): (word, delta) = ("sequential", 1)
        }
    }

    /// Whether the estimate says this, something else, or that it does not know.
    func verdict(on estimate: AllocationEstimate) -> Verdict {
        guard estimate.allocation != .unknown else { return .unknown }
        return estimate.allocation.word == word && estimate.allocation.delta == delta ? .right : .wrong
    }

    enum Verdict: Sendable { case right, wrong, unknown }
}

extension AllocationKind {
    /// Its name without numbers.
    var word: String {
        switch self {
        case .equal: "equal"
        case .preserving: "preserving"
        case .sequential: "sequential"
        case .dependent: "dependent"
        case .random: "random"
        case .block: "block"
        case .unknown: "unknown"
        }
    }
}

/// How often what was taken for what.
struct ConfusionTable: CustomStringConvertible {
    private var counts: [String: [String: Int]] = [:]

    mutating func note(_ truth: String, _ found: String) { counts[truth, default: [:]][found, default: 0] += 1 }

    var description: String {
        let columns = ["equal", "preserving", "sequential", "dependent", "random", "block", "unknown"]
        func cell(_ text: String) -> String { String(repeating: " ", count: max(0, 12 - text.count)) + text }
        let head = cell("told \\ found") + columns.map(cell).joined()
        let rows = counts.keys.sorted().map { row in cell(row) + columns.map { cell("\(counts[row]?[$0] ?? 0)") }.joined() }
        return ([head] + rows).joined(separator: "\n")
    }
}

extension NoiseEstimate {
    /// What is known without doubt.
    static func exactly(_ rate: Double) -> NoiseEstimate { NoiseEstimate(rate: rate, bound: rate) }
}
