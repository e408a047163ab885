import BodkinExercise
import BodkinNATLab
import BodkinServer
import Synchronization

/// Peers that come, connect, talk, lose their paths, and go, over and over in one lab and one process: whether descriptors and memory stay level. The
/// process is everything at once: the peers, the server, and the lab.
struct SoakBenchmark: Sendable {
    /// How long, of which the first quarter is warm-up.
    var seconds = 600

    /// Pairs of peers at a time.
    private static let pairs = 3
    /// Deaths in each round, and the time between them.
    private static let deaths = 2
    private static let spacing = Duration.seconds(2)
    /// By how much the median of the last quarter's memory may be above the second quarter's.
    private static let growth = 0.05
    /// After so many rounds nobody is there for a while, and what is still open is counted.
    private static let roundsBetweenLooks = 4
    /// Sessions send CONNECTION_CLOSE for five seconds at most, and the server has forgotten peers that went silently after twice its time: what is open
    /// longer is open for good.
    private static let settling = forgetting * 2 + .seconds(5)
    /// After what silence the server forgets STUN connections of peers which have gone silently, as the NATs on their way have. It does so after three to
    /// six minutes unless it is told otherwise, which would hide for so long whether anything else stays open. Refreshes come every 25 s: a peer does not live so
    /// long here.
    private static let forgetting = Duration.seconds(10)

    /// Runs it and prints what it finds; false where anything fails or grows.
    func run() async throws -> Bool {
        print("soak: \(seconds) s of connects, deaths of every kind and closes, \(Self.pairs) pairs of peers at a time; the first quarter is warm-up")
        let topology = Survival.Settings.topology(delay: .milliseconds(10), rate: 100_000_000, seed: TableBenchmark.seed)
        return try await withPeerLab(topology, server: { $0.limits.stunIdleTimeout = Self.forgetting }) { place in
            let (tally, samples) = (SoakTally(), SoakSamples())
            let quiet = try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await samples.run(tally) }
                defer { tasks.cancelAll() }
                return try await rounds(place, tally, samples)
            }
            return show(tally.counts, samples, quiet)
        }
    }

    /// Open descriptors whenever no peer was there: after warm-up, and the most later.
    private struct QuietPoints {
        var level: Int?
        var highest = 0
        var count = 0
    }

    private func rounds(_ place: PeerLab, _ tally: SoakTally, _ samples: SoakSamples) async throws -> QuietPoints {
        var pairs: [SoakPair] = []
        for _ in 0..<Self.pairs { pairs.append(try await SoakPair(place)) }
        // A host keeps the last program that it has run, with a descriptor, until the next: from the start, so that the first death by a program adds none.
        _ = try await place.lab.host("a").run("true")
        var quiet = QuietPoints()
        var random = SeededGenerator(seed: TableBenchmark.seed)
        var kinds: [PathDeath] = []
        var number = 0
        while samples.now.elapsed < .seconds(seconds) {
            number += 1
            if kinds.count < Self.deaths { kinds += PathDeath.allCases.shuffled(using: &random) }
            try await round(place, pairs, Array(kinds.prefix(Self.deaths)), tally)
            kinds.removeFirst(Self.deaths)
            guard number % Self.roundsBetweenLooks == 0, samples.now.elapsed > .seconds(seconds) / 4 else { continue }
            let descriptors = try await settled(samples, level: quiet.level)
            quiet.level = quiet.level ?? descriptors
            quiet.highest = max(quiet.highest, descriptors)
            quiet.count += 1
        }
        for pair in pairs { try await pair.end() }
        return quiet
    }

    /// Conversations of all pairs, which go on until their paths have died as planned and had the time to come back.
    private func round(_ place: PeerLab, _ pairs: [SoakPair], _ kinds: [PathDeath], _ tally: SoakTally) async throws {
        let end = RoundEnd()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for pair in pairs { tasks.addTask { await pair.converse(place, tally) { end.hasCome } } }
            tasks.addTask {
                defer { end.come() }
                try await Task.sleep(for: .seconds(1))
                for kind in kinds {
                    try await kind.strike(place)
                    try await Task.sleep(for: Self.spacing)
                }
            }
            try await tasks.waitForAll()
        }
    }

    /// The descriptors once they are at the level again, or will not be. The first time, when there is no level yet, all the time is waited.
    private func settled(_ samples: SoakSamples, level: Int?) async throws -> Int {
        let limit = ContinuousClock.now + Self.settling
        while ContinuousClock.now < limit {
            let descriptors = samples.now.descriptors
            if let level, descriptors <= level { return descriptors }
            try await Task.sleep(for: .milliseconds(100))
        }
        let kinds = SoakSamples.kinds.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        print("  open descriptors without peers\(level == nil ? "" : ", above the level"): \(kinds)")
        return samples.now.descriptors
    }

    private func show(_ counts: SoakTally.Counts, _ samples: SoakSamples, _ quiet: QuietPoints) -> Bool {
        print(
            "  \(counts.connects) connects, \(counts.deaths) deaths of paths, \(counts.closes) closes, \(counts.bytes >> 20) MiB echoed and compared;",
            "failures: \(counts.failures.values.reduce(0, +)) (target 0)")
        for (what, number) in counts.failures.sorted(by: { $0.key < $1.key }) { print("    \(number) times \(what)") }
        let (early, late) = (samples.resident(from: 0.25, to: 0.5), samples.resident(from: 0.75, to: 1))
        print(
            "  resident memory: median \(Rounds.text(early, 1)) MiB in the second quarter, \(Rounds.text(late, 1)) MiB in the last:",
            "\(Rounds.text((late / early - 1) * 100, 1)) % more (at most \(Rounds.text(Self.growth * 100, 0)) % asked)")
        print(
            "  descriptors without peers: \(quiet.level ?? 0) after warm-up, at most \(quiet.highest) in \(quiet.count) looks (no more than after warm-up asked)"
        )
        let isLevel = quiet.level.map { quiet.highest <= $0 } ?? false
        return counts.failures.isEmpty && counts.connects == counts.closes && counts.deaths > 0 && early > 0 && late <= early * (1 + Self.growth)
            && isLevel
    }
}

/// When the conversations of a round are to end.
private final class RoundEnd: Sendable {
    private let state = Mutex(false)
    var hasCome: Bool { state.withLock { $0 } }
    func come() { state.withLock { $0 = true } }
}
