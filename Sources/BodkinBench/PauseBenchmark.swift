import Bodkin
import BodkinExercise
import BodkinNATLab

/// The longest pause of a conversation of a line every tenth of a second, for each incident on either side, between three pairs of NATs.
struct PauseBenchmark {
    /// How long a pause may be beyond the outage, and how long it may take until the path is direct again.
    private static let target = Duration.milliseconds(1500)
    private static let directTarget = Duration.seconds(3)
    static let pairs: [(near: NATPreset, far: NATPreset)] = [
        (.portRestricted, .portRestricted), (.symmetricSequential, .symmetricSequential), (.symmetricSequential, .portRestricted),
    ]

    var count = 20
    var showsEvents = false
    var pairs = pairs
    var incidents = Pause.Incident.allCases
    var sides = Pause.Side.allCases
    var writer = Pause.Side.dialer

    init(_ words: [String]) {
        count = words.lazy.compactMap { Int($0) }.first ?? count
        showsEvents = words.contains("events")
        let named = Pause.Incident.allCases.filter { words.contains($0.rawValue) }
        if !named.isEmpty { incidents = named }
        if words.contains("writer=called") { writer = .called }
        let onSides = Pause.Side.allCases.filter { words.contains($0.rawValue) }
        if !onSides.isEmpty { sides = onSides }
        let chosen = Self.pairs.filter { words.contains("\($0.near.rawValue)/\($0.far.rawValue)") }
        if !chosen.isEmpty { pairs = chosen }
    }

    func run() async throws -> Bool {
        print("a line every 100 ms, echoed, d = 25 ms, \(count) times each: the longest pause beyond the outage, and the time until direct again")
        var isGood = true
        for pair in pairs {
            print("\(pair.near.rawValue) with \(pair.far.rawValue)")
            for incident in incidents { for side in sides { isGood = try await run(pair, incident, side) && isGood } }
        }
        return isGood
    }

    private func run(_ pair: (near: NATPreset, far: NATPreset), _ incident: Pause.Incident, _ side: Pause.Side) async throws -> Bool {
        var results: [Pause] = []
        for index in 0..<count {
            let settings = Pause.Settings(pair.near, pair.far, incident, side, writer: writer, seed: UInt64(index))
            let start = ContinuousClock.now
            let result = try await Pause.run(settings) { name, event in
                if showsEvents { print("      \(text(.now - start)) \(name): \(event.kind)") }
            }
            results.append(result)
        }
        let pauses = results.map { max($0.longest - incident.outage, .zero) }.sorted()
        let direct = results.compactMap(\.directAfter).sorted()
        let (firstDirect, broken) = (results.count(where: \.wasDirect), results.count { !$0.isWhole })
        let isGood =
            pauses.allSatisfy { $0 <= Self.target } && direct.count >= firstDirect && direct.allSatisfy { $0 <= Self.directTarget } && broken == 0
        print(
            "  \(incident.rawValue) (\(side.rawValue)): pause \(figures(pauses));",
            "direct again \(figures(direct)) (\(direct.count) of \(count), \(firstDirect) at first)\(broken == 0 ? "" : "; lines missing in \(broken)")",
            isGood ? "" : "MISSED")
        return isGood
    }

    private func figures(_ times: [Duration]) -> String {
        times.isEmpty ? "never" : "p50 \(text(times[times.count / 2])), worst \(text(times[times.count - 1]))"
    }

    private func text(_ duration: Duration) -> String { "\((duration / .seconds(1) * 1000).rounded() / 1000) s" }
}
