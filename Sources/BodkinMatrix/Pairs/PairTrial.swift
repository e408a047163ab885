import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinPairs
import Synchronization

/// One dial between two networks, in a fresh lab.
struct PairTrial: Sendable {
    let pair: NATPair
    let seed: UInt64
    let dialer: PairDial.Side
    var settings = PeerExercise.Settings()

    /// The dial, what the dialer says of it, and what happened to every packet, where that is recorded.
    func run() async -> (dial: PairDial, report: ConnectionReport?, events: [LabEvent]) {
        let cell = dialer == .a ? pair.cell : pair.reversed.cell
        // The called side has no report: what it fired is among its events.
        let called = Mutex<[ConnectionReport.Attempt]>([])
        var settings = settings
        let outer = settings.onEvent
        settings.onEvent = { host, event in
            if host == "b", case .attempt(_, let attempt) = event.kind, attempt.round != nil { called.withLock { $0.append(attempt) } }
            outer?(host, event)
        }
        var exercise = PeerExercise()
        do {
            exercise = try await PeerExercise.run(cell, seed: seed, settings: settings)
        } catch {
            exercise.failure = "\(error)"
        }
        var dial = PairDial(seed: seed, dialer: dialer, packets: exercise.cost.sent)
        dial.route = exercise.failure == nil ? exercise.route?.rawValue : nil
        dial.farByte = exercise.farByte?.milliseconds
        dial.directByte = exercise.directByte?.milliseconds
        dial.verdict = exercise.report?.verdict?.rawValue
        dial.failure = exercise.failure
        let own = exercise.report?.attempts ?? []
        let predicted = own.filter { $0.round != nil } + called.withLock { $0 }
        dial.rounds = predicted.compactMap(\.round).max() ?? 0
        dial.probes = predicted.map(\.shots).max() ?? 0
        dial.shots = own.reduce(0) { $0 + $1.shots }
        return (dial, exercise.report, exercise.events)
    }
}

/// Does the jobs, so many at once, and hands over each result as it comes.
func inParallel<Job: Sendable, Result: Sendable>(
    _ jobs: [Job], _ count: Int, work: @Sendable @escaping (Job) async -> Result, done: (Result) -> Void
) async {
    await withTaskGroup(of: Result.self) { group in
        var next = jobs.makeIterator()
        func add() {
            guard let job = next.next() else { return }
            group.addTask { await work(job) }
        }
        for _ in 0..<count { add() }
        for await result in group {
            done(result)
            add()
        }
    }
}
