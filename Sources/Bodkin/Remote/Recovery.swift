import BodkinCore
import BodkinProtocols

/// When one session dials again for a path, or a direct one (the called side: when it asks the dialer to), and when it gives up. Every function takes the time since
/// the session's start.
///
/// ```
///               a direct path                    no path
///   relayed ───────────────────▶ direct ───────────────────▶ pathless ── lifetime ──▶ given up
///     │ ▲                          ▲ └─ a circuit alone ─┐      │ ▲
///     └─┘ upgrade, ever more seldom└──────────┬──────────┘      └─┘ redial, ever more seldom
/// ```
struct Recovery {
    /// What to do now.
    enum Action: Hashable {
        /// Dial again: any path will do.
        case redial
        /// Dial again for a direct path.
        case upgrade
        /// The session has been without a path for too long.
        case giveUp
    }

    /// The first pause before a session without a path dials again, and the longest.
    static let redialPauses = (first: Duration.milliseconds(250), longest: Duration.seconds(8))
    /// The first pause before a direct path is looked for again, and the longest: where nothing promises one, where none was found for reasons that may be over,
    /// and where there was one before.
    static let upgradePauses = (
        first: Duration.seconds(30), promising: Duration.seconds(5), again: Duration.seconds(1), longest: Duration.seconds(600)
    )

    /// After a path that has lived so long another one is dialed for at once.
    static let stableLifetime = Duration.seconds(2)
    /// So many in a row that have not may be a network that is being put in order: their pauses stay as short as the first.
    static let flapLimit = 4

    /// How much of its lifetime a session has at least that loses its path after this host has slept, or because the remote program has ended: enough to register, and
    /// to ask or be asked once.
    static let leastLifetime = Duration.seconds(10)
    /// A path that is found dead so soon after this host has slept died meanwhile.
    static let wakingTime = Duration.seconds(20)

    /// How long a session lives without any path.
    let lifetime: Duration
    private let role: Session.Role
    /// Whether direct paths are wanted at all.
    private let allowsDirectPaths: Bool
    private var kind: PathKind?
    /// What was direct once can be so again.
    private var wasDirect: Bool
    private var isPromising = false
    private var pathlessSince: Duration?
    /// When this host woke last, and how long it had slept: the remote peer has looked for it, and counts the time from then on.
    private var sleep: (end: Duration, time: Duration)?
    /// Whether the path that was lost just now was ended by the remote system, in good order and without a word of the remote program.
    private var hasRemoteEnded = false
    private var next: Duration?
    private var isBusy = false
    /// Whether what is under way began before something that makes it worthwhile to try again.
    private var isRetryWanted = false
    private var failures = 0
    /// Since when there has been a path, and how many in a row have not lived long.
    private var gainedAt = Duration.zero - Self.stableLifetime
    private var losses = 0

    /// The recovery of a session that has a path.
    /// - Parameters:
    ///   - role: which end this is. The dialer alone looks for a better path from time to time; the called side asks it to when there is a reason.
    ///   - kind: what the session runs on; nil for nothing.
    ///   - lifetime: how long it lives without any path.
    ///   - allowsDirectPaths: whether to look for one.
    init(_ role: Session.Role, kind: PathKind?, lifetime: Duration, allowsDirectPaths: Bool) {
        self.role = role
        self.kind = kind
        wasDirect = kind?.isDirect == true
        self.lifetime = lifetime
        self.allowsDirectPaths = allowsDirectPaths
    }

    /// The path that carries the session has changed, or nothing has; nil for none.
    mutating func carried(by kind: PathKind?, at now: Duration) {
        defer { hasRemoteEnded = false }
        guard kind != self.kind else { return }
        self.kind = kind
        wasDirect = wasDirect || kind?.isDirect == true
        failures = 0
        if pathlessSince != nil { gainedAt = now }
        pathlessSince = kind == nil ? now - max(timeSlept(at: now), hasRemoteEnded ? spareLifetime : .zero) : nil
        let pause = kind == nil ? pauseAfterLoss(at: now) : pause(from: now, jitter: 1)
        // Whatever is under way was not begun for that.
        next = !isBusy || kind == nil ? pause : nil
    }

    /// At once, unless paths come and go.
    private mutating func pauseAfterLoss(at now: Duration) -> Duration {
        losses = now - gainedAt < Self.stableLifetime ? losses + 1 : 0
        return losses == 0 ? now : pause(from: now, failures: max(0, losses - Self.flapLimit), Self.redialPauses, jitter: 1)
    }

    /// The remote system has ended the path that carried the session, as it does for a program that was killed: a program that runs dials again, or asks to be
    /// dialed, within seconds.
    mutating func remoteEnded() { hasRemoteEnded = true }

    /// This host has slept, or the process was stopped, for so long.
    mutating func woke(after time: Duration, at now: Duration) {
        sleep = (now, time)
        if let pathlessSince { self.pathlessSince = min(pathlessSince, now - timeSlept(at: now)) }
    }

    /// How much of the lifetime without a path is over already when a path is found dead now.
    private func timeSlept(at now: Duration) -> Duration {
        guard let sleep, now - sleep.end <= Self.wakingTime else { return .zero }
        return min(sleep.time, spareLifetime)
    }

    private var spareLifetime: Duration { max(lifetime - Self.leastLifetime, .zero) }

    /// The latest dial has found no direct path, for a reason that may be over: it was disturbed, or looked for a circuit alone.
    mutating func missed() { isPromising = true }

    /// A direct path has ended that was ready and carried nothing yet: there can be another one.
    mutating func lostDirectPath(at now: Duration) {
        wasDirect = true
        guard !isBusy, kind?.isRelayed == true, let pause = pause(from: now, jitter: 1) else { return }
        next = min(next ?? pause, pause)
    }

    /// Something is being tried.
    mutating func began() {
        isBusy = true
        isRetryWanted = false
        next = nil
    }

    /// What was tried is over, whatever came of it.
    /// - Parameter jitter: a random factor of pauses, from 0.5 to 1.5, so that peers that lost a path at one moment do not dial at one moment.
    mutating func ended(at now: Duration, jitter: Double) {
        isBusy = false
        next = isRetryWanted && kind?.isDirect != true ? now : pause(from: now, jitter: jitter)
        isRetryWanted = false
        failures += 1
    }

    /// The network has changed, or the server is back: what failed before may succeed now.
    mutating func retryNow(at now: Duration) {
        failures = 0
        isRetryWanted = isBusy
        let isRedialed = kind == nil || kind?.isRelayed == true && allowsDirectPaths
        guard !isBusy, isRedialed else { return }
        next = now
    }

    /// When to call ``act(at:)``; nil for not before something happens.
    var deadline: Duration? {
        let end = pathlessSince.map { $0 + lifetime }
        guard let next else { return end }
        return end.map { min($0, next) } ?? next
    }

    /// The deadline has come.
    mutating func act(at now: Duration) -> Action? {
        if let pathlessSince, now >= pathlessSince + lifetime { return .giveUp }
        guard let next, now >= next else { return nil }
        self.next = nil
        return kind == nil ? .redial : .upgrade
    }

    private func pause(from now: Duration, jitter: Double) -> Duration? {
        let pauses = (
            first: wasDirect ? Self.upgradePauses.again : isPromising ? Self.upgradePauses.promising : Self.upgradePauses.first,
            longest: Self.upgradePauses.longest
        )
        guard let kind else { return pause(from: now, failures: failures, Self.redialPauses, jitter: jitter) }
        guard kind.isRelayed, allowsDirectPaths, role == .dialer else { return nil }
        return pause(from: now, failures: failures, pauses, jitter: jitter)
    }

    private func pause(from now: Duration, failures: Int, _ pauses: (first: Duration, longest: Duration), jitter: Double) -> Duration {
        now + min(pauses.first * (1 << min(failures, 16)), pauses.longest) * jitter
    }
}
