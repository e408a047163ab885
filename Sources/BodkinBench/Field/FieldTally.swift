import Synchronization

/// What has happened so far in the field: faults, dials, and what did not go as it should.
final class FieldTally: Sendable {
    private struct State {
        var dials = 0
        var times: [Duration] = []
        var refusals = 0
        var failures: [String] = []
        var faults: [(kind: FieldFault, start: ContinuousClock.Instant, end: ContinuousClock.Instant?)] = []
    }

    /// So long after a fault a dial may still feel it.
    private static let aftermath = Duration.seconds(3)

    private let state = Mutex(State())

    func begins(_ kind: FieldFault) { state.withLock { $0.faults.append((kind, .now, nil)) } }

    func ends(_ kind: FieldFault, since start: ContinuousClock.Instant) {
        state.withLock { state in
            guard let index = state.faults.lastIndex(where: { $0.kind == kind }) else { return }
            state.faults[index].end = .now
        }
    }

    func fail(_ what: String) { state.withLock { $0.failures.append(what) } }

    /// A dial is over: its status, whether the bytes came back, and its last line.
    func dialed(_ number: Int, _ result: String, since start: ContinuousClock.Instant) {
        let now = ContinuousClock.now
        state.withLock { state in
            state.dials += 1
            state.times.append(now - start)
            guard !result.hasPrefix("0 whole") else { return }
            let near = state.faults.filter { $0.start <= now && ($0.end ?? now) + Self.aftermath >= start }
            if result.hasPrefix("75 "), near.contains(where: \.kind.excusesRefusal) { return state.refusals += 1 }
            let faults = near.map(\.kind.rawValue).joined(separator: ", ")
            let seconds = Rounds.text((now - start) / .seconds(1), 1)
            state.failures.append("dial \(number), \(seconds) s, beside \(faults.isEmpty ? "nothing" : faults): \(result.prefix(3_000))")
            print("  \(state.failures.last ?? "")")
        }
    }

    var isGood: Bool { state.withLock { $0.failures.isEmpty && $0.dials > 0 } }

    func show(hasClock: Bool) {
        state.withLock { state in
            let times = state.times.sorted()
            let kinds = FieldFault.allCases.map { kind in "\(state.faults.count { $0.kind == kind }) \(kind.rawValue)" }.joined(separator: ", ")
            print("  faults: \(kinds)\(hasClock ? "" : " (the clock stays as it is: there is no C compiler)")")
            print("  \(state.dials) dials, \(state.failures.count) failures (target 0), \(state.refusals) refused for want of descriptors")
            guard let last = times.last else { return }
            let (half, most) = (times[times.count / 2], times[times.count * 99 / 100])
            print("  a dial with its bytes: p50 \(text(half)) s, p99 \(text(most)) s, longest \(text(last)) s")
        }
    }

    private func text(_ duration: Duration) -> String { Rounds.text(duration / .seconds(1), 2) }
}
