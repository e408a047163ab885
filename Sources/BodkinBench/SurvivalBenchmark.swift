import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab

/// Bytes in both directions at once, or from the dialer or the called side alone, over a link of 100 Mbit/s, undisturbed and then with deaths of every kind at random moments.
struct SurvivalBenchmark {
    private static let rate = 100_000_000
    /// How much longer than undisturbed it may take, the outages aside.
    private static let target = 1.3

    private let byteCount: Int
    private let deaths: Int
    private let seed: UInt64
    private let showsEvents: Bool
    private let kinds: [PathDeath]
    /// Who writes; nil for both.
    private let writer: Pause.Side?

    init(_ arguments: [String]) {
        let numbers = arguments.compactMap { UInt64($0) }
        byteCount = Int(clamping: numbers.first ?? 1024) << 20
        deaths = numbers.dropFirst().first.map { Int(clamping: $0) } ?? 40
        seed = numbers.dropFirst(2).first ?? .random(in: 0 ... .max)
        showsEvents = arguments.contains("events")
        let named = PathDeath.allCases.filter { arguments.contains($0.rawValue) }
        kinds = named.isEmpty ? PathDeath.allCases : named
        writer = Pause.Side.allCases.first { arguments.contains($0.rawValue) }
    }

    func run() async throws -> Bool {
        let direction = writer.map { "from the \($0 == .dialer ? "dialer" : "called side") alone" } ?? "in each direction"
        print("survival: \(byteCount >> 20) MiB \(direction) over 100 Mbit/s, d = 25 ms, \(deaths) deaths, seed \(seed)")
        let topology = Survival.Settings.topology(rate: Self.rate, seed: seed)
        let quiet = try await Survival.run(settings([], topology))
        print("  undisturbed: \(text(quiet.duration)) s")
        let schedule = Survival.Settings.schedule(deaths, every: quiet.duration / max(deaths, 1), seed: seed, kinds: kinds)
        if showsEvents { for death in schedule { print("  at \(text(death.after)) s: \(death.what.rawValue)") } }
        let start = ContinuousClock.now
        let result = try await Survival.run(settings(schedule, topology)) { name, event in
            if showsEvents { print("    \(text(.now - start)) s \(name): \(event.kind)") }
        }
        let ratio = (result.duration - result.outage) / quiet.duration
        let gaps = result.gaps.sorted()
        print(
            "  with \(result.kills) deaths: \(text(result.duration)) s, of which \(text(result.outage)) s were outages (nothing passes, or the server is away): "
                + "\(hundredths(ratio)) times (at most \(Self.target) asked)")
        print(
            "  paths lost: \(result.deaths.near) seen by the dialer, \(result.deaths.far) by the called side; content \(result.isWhole ? "identical" : "NOT identical")"
        )
        if !gaps.isEmpty {
            print("  from the loss of a path to the next one: p50 \(text(gaps[gaps.count / 2])) s, longest \(text(gaps[gaps.count - 1])) s")
        }
        return result.isWhole && ratio <= Self.target
    }

    private func settings(_ deaths: [(after: Duration, what: PathDeath)], _ topology: Topology) -> Survival.Settings {
        Survival.Settings(
            byteCount: writer == .called ? 0 : byteCount, answerByteCount: writer == .dialer ? 0 : byteCount, deaths: deaths, topology: topology)
    }

    private func text(_ duration: Duration) -> String { hundredths(duration / .seconds(1)) }
    private func hundredths(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}
