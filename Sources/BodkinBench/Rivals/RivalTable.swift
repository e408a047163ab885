import BodkinCore
import BodkinExercise
import BodkinPairs

/// What was measured, as a table in Markdown.
struct RivalTable {
    private var dials: [NATPair: [Contender: [RivalDial]]] = [:]

    mutating func note(_ dial: RivalDial, _ contender: Contender, _ pair: NATPair) { dials[pair, default: [:]][contender, default: []].append(dial) }

    /// Writes the pairs in this order.
    func show(_ pairs: [NATPair]) {
        print("| NATs | Bodkin: route | first byte | first direct byte | warpgate: route | first byte | p2pd: route | first byte |")
        print("|---|---|---|---|---|---|---|---|")
        for pair in pairs {
            var cells = ["\(pair)"]
            for contender in Contender.allCases {
                let dials = dials[pair]?[contender] ?? []
                cells += [Self.route(dials), Self.times(dials.compactMap(\.firstByte))]
                if contender == .bodkin { cells.append(Self.times(dials.compactMap(\.directByte))) }
            }
            print("| \(cells.joined(separator: " | ")) |")
        }
        let failures = pairs.flatMap { pair in Contender.allCases.flatMap { contender in reasons(pair, contender) } }
        if !failures.isEmpty { print("\nWhat the unconnected said:\n\n" + failures.joined(separator: "\n")) }
    }

    private static func route(_ dials: [RivalDial]) -> String {
        let direct = dials.count { $0.outcome == .direct }
        let relayed = dials.count { $0.outcome == .relayed }
        let rest = dials.count - direct - relayed
        var words: [String] = []
        if direct > 0 { words.append("direct \(direct)") }
        if relayed > 0 { words.append("relayed \(relayed)") }
        if rest > 0 { words.append("none \(rest)") }
        return "\(words.joined(separator: ", ")) of \(dials.count)"
    }

    /// Median and worst, in seconds.
    private static func times(_ times: [Duration]) -> String {
        guard let worst = times.max() else { return "–" }
        var seconds = Rounds()
        for time in times { seconds.append(time / .seconds(1)) }
        return "\(Rounds.text(seconds.median, 2)) (\(Rounds.text(worst / .seconds(1), 2)))"
    }

    private func reasons(_ pair: NATPair, _ contender: Contender) -> [String] {
        var counts: [String: Int] = [:]
        let all = dials[pair]?[contender] ?? []
        for dial in all { if case .none(let reason) = dial.outcome { counts[reason, default: 0] += 1 } }
        return counts.sorted { $0.key < $1.key }.map { "- \(pair), \(contender.rawValue), \($0.value) of \(all.count): \($0.key)" }
    }
}
