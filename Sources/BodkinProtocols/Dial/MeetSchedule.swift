/// When to fire at which target: both sides at the same instants, until one path has settled.
///
/// ```
///              fire at each instant            connected
///   idle ───────────────────────────▶ fired ─────────────▶ done
///     ▲                                 │
///     └──── refused, or the next instant┘
/// ```
///
/// A target that is still without an answer at the next instant is fired at afresh: a SYN that the system repeats by itself comes only after a second, and the
/// two sides' fresh SYNs cross again. An RST or an ICMP error is not the end: what counts is that both fire within one one-way delay of each other.
package struct MeetSchedule: Sendable {
    /// The instants, in intervals since the first: dense while loss or a late start may be to blame, then sparse.
    package static let instants = [0, 1, 2, 3, 5, 8, 12, 18, 27]
    /// How often a target that refuses is fired at again at once, after each of the first instants. Where a Meet was late, or takes longer to one side than
    /// back, the two sides do not fire at one moment. A NAT that forgets at an RST is held open all the same by a side that answers each RST with a SYN: the
    /// remote SYN passes whenever it comes, and what it makes of both is a simultaneous open.
    static let volley = 3
    /// How many of the instants have a burst.
    static let volleyCount = 4

    /// What to do now.
    package enum Action: Hashable, Sendable {
        /// Abandon what is under way towards this target, and connect to it.
        case fire(Int)
    }

    private enum Target: Sendable, Equatable {
        case idle
        case fired
        case done
    }

    private var targets: [Target]
    private var round = 0
    private let start: Duration
    /// From one instant to the next.
    package let interval: Duration
    /// How many shots are left of the burst after the last instant, for each target.
    private var volleys: [Int] = []

    /// A schedule.
    /// - Parameters:
    ///   - targetCount: how many targets there are; each is named by its index.
    ///   - start: the first instant, on whatever clock the caller uses.
    ///   - interval: from one instant to the next.
    package init(targetCount: Int, start: Duration, interval: Duration) {
        targets = Array(repeating: .idle, count: targetCount)
        volleys = Array(repeating: Self.volley, count: targetCount)
        self.start = start
        self.interval = interval
    }

    /// One more target, from the next instant on.
    package mutating func addTarget() -> Int {
        targets.append(.idle)
        volleys.append(Self.volley)
        return targets.count - 1
    }

    /// When to call ``fire(at:)`` next; nil when there will be no further instant. Without any target instants pass all the same.
    package var nextInstant: Duration? {
        guard round < Self.instants.count, targets.isEmpty || targets.contains(where: { $0 != .done }) else { return nil }
        return instant(round)
    }

    private func instant(_ round: Int) -> Duration {
        start + interval * Self.instants[round]
    }

    /// When the last shot has had its time.
    package var deadline: Duration { start + interval * ((Self.instants.last ?? 0) + 4) }

    /// An instant has come, or several that nobody had use for: what to do.
    package mutating func fire(at now: Duration) -> [Action] {
        guard round < Self.instants.count else { return [] }
        repeat { round += 1 } while round < Self.instants.count && instant(round) <= now
        var actions: [Action] = []
        for index in targets.indices where targets[index] != .done {
            targets[index] = .fired
            if round <= Self.volleyCount { volleys[index] = Self.volley }
            actions.append(.fire(index))
        }
        return actions
    }

    /// The connection to a target is up, or came from there: no further shot.
    package mutating func connected(_ target: Int) {
        guard targets.indices.contains(target) else { return }
        targets[target] = .done
    }

    /// An RST or an ICMP error: what to do at once.
    package mutating func refused(_ target: Int) -> Action? {
        guard targets.indices.contains(target), targets[target] != .done else { return nil }
        targets[target] = .idle
        guard volleys[target] > 0 else { return nil }
        volleys[target] -= 1
        targets[target] = .fired
        return .fire(target)
    }

    /// The system refuses to connect: the next instant may find it otherwise.
    package mutating func failed(_ target: Int) {
        guard targets.indices.contains(target), targets[target] == .fired else { return }
        targets[target] = .idle
    }

    /// What was connected to a target turned out to be of no use: fire again.
    package mutating func lost(_ target: Int) {
        guard targets.indices.contains(target) else { return }
        targets[target] = .idle
    }
}
