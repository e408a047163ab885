import BodkinCore
import BodkinPrediction
import BodkinProtocols

/// The rounds of a dial in which both sides tell each other which external ports they will have, and fire at those (tiers 2 and 3).
///
/// ```
///            Meet, and our ports are not kept             remote authenticated      the remote forecast
///  waiting ─────────────────────────────────▶ sampling ──▶ ready ──────────────▶ told ──────────────────▶ firing
///     │ the remote forecast                      ▲                                                          │ nothing came of it
///     └──────── our port is known: told at once  └───────────────────── the next round ─────────────────────┘
/// ```
/// Nothing is sent to the remote peer's NAT before that peer has proved itself end to end.
struct PredictedPunch: PathStrategy {
    /// The most rounds: a second one if other hosts have taken the port that was aimed at, or a search has missed.
    static let roundLimit = 2
    /// How long a thousand guesses take, which are to be out before anything comes against them.
    static let burstDuration = Duration.milliseconds(60)
    /// How many SYNs of a search are fired in one turn of the event loop: a millisecond's worth.
    static let batchSize = 32
    /// After what time a connection that was up when something was due is looked at again.
    static let recheckInterval = Duration.milliseconds(500)
    /// How long three samplings take if answers are lost, and a mapping that is made anew.
    static let longestSampling = Duration.seconds(8)

    enum Wait {
        case tell
        case fire(PunchRound.Action)
        case judge
    }

    var round = 0
    var own: PortForecast?
    var remote: PortForecast?
    /// The local port from which a burst goes on, if a sequential allocator was sampled.
    var nextLocal: UInt16?
    var hasSentForecast = false
    /// Whether a round waits until the server sees our mapping, and the allocator has been sampled.
    var isPostponed = false
    var followsSilence = false
    var followsLongSilence = false
    /// SYNs that are still to be fired: from which local port, to where.
    var waiting: ArraySlice<(ShotSource, Endpoint)> = []
    var room = 0
    var turnSize = 0
    var isAwaitingTurn = false
    var firingStart = Instant.start
    /// How many SYNs of the round were not fired, for want of room or of a descriptor.
    var unfired = 0
    var withoutDescriptor = 0
    /// How many the gate has let not out, and why.
    var withheld: (count: Int, reason: String) = (0, "")
    var wait: (until: Instant, what: Wait)?
    var remoteForecastTimeout: Instant?
    var assumedArrival: Instant?
    /// The entries of the report, by round, and how many SYNs there were.
    private var entries: [Int: Int] = [:]
    var shotCount = 0
    /// Whether something may still come of it.
    var isActive = false
    var isLast = false
    /// Whether both sides' ports are drawn from too many.
    var isHopeless = false
    private var actions: [PathStrategyAction] = []

    var kind: PathKind { .tcp }
    var roomUse: HalfOpenBudget.Use? { .search }
    var isExhausted: Bool { !isActive }
    var verdict: RelayVerdict? { isHopeless ? .unpredictable : nil }
    /// The entry of the report for the present round, once it has fired.
    var entry: Int? { entries[round] }

    mutating func nextAction() -> PathStrategyAction? { actions.isEmpty ? nil : actions.removeFirst() }
    mutating func perform(_ action: PathStrategyAction) { actions.append(action) }

    var deadline: Instant? { [wait?.until, remoteForecastTimeout, assumedArrival].compactMap { $0 }.min() }

    mutating func handle(_ event: PathStrategyEvent, in context: DialContext, report: inout ConnectionReport, at now: Instant) {
        switch event {
        case .natLearned:
            guard context.allowsPrediction else { return }
            if isPostponed { return prepare(round, context, at: now) }
            if round == 0, context.localNAT().keepsEndpoint == false { prepare(1, context, at: now) }
        case .meetStayedSilent(let isLong):
            let nat = context.localNAT()
            guard context.allowsPrediction, round == 0, nat.isMappingDoubtful else { return }
            (followsSilence, followsLongSilence) = (true, isLong)
            if nat.ports(forecastRound(1, context)) != .fixed { prepare(1, context, at: now) }
        case .sampled(let number, let sample): sampled(number, sample, context, at: now)
        case .remoteAuthenticated: tellIfReady(context, at: now)
        case .remoteForecast(let forecast, let number): received(forecast, number, context, at: now)
        case .granted(let count): granted(count, &report, at: now, context)
        case .denied(let count):
            guard !waiting.isEmpty else { return }
            unfired += min(count, waiting.count)
            waiting = waiting.dropLast(count)
            if waiting.isEmpty { awaitAnswers(context, at: now) }
        case .turn:
            isAwaitingTurn = false
            fireBatch(&report, context, at: now)
        case .failed(_, .noDescriptor): withoutDescriptor += 1
        case .failed(_, .withheld(let refusal)): withheld = (withheld.count + 1, refusal.rawValue)
        case .secured(let shot): judge(shot, .succeeded, "", context, &report, at: now)
        case .settled(let shot):
            judge(shot, .succeeded, "", context, &report, at: now)
            if let own, own.ports != .fixed, context.localNAT().isMappingDoubtful { perform(.foundAddressDependence) }
        case .superseded(let shot): lost(shot, .superseded, context, &report, at: now)
        case .lost(let shot, let loss): lost(shot, loss, context, &report, at: now)
        case .timeout: timeout(context, &report, at: now)
        case .met, .target, .connected, .failed, .inspected, .unheard, .directPathLost, .portReplaced, .portAnnounced,
            .directPathsAbandoned, .relays, .allocated, .permitted, .relaysFailed, .remoteRelayed:
            break
        }
    }

    mutating func finish(in context: DialContext, report: inout ConnectionReport, at now: Instant) {
        if isActive { close() }
    }

    /// Nothing more comes of it.
    mutating func close() {
        (isActive, isPostponed) = (false, false)
        round = Self.roundLimit + 1
        closeRound()
    }

    /// Closes what is half-open, and waits for nothing.
    mutating func closeRound() {
        (wait, remoteForecastTimeout, assumedArrival) = (nil, nil, nil)
        waiting = []
        perform(.withdrawRequest)
        // Nothing was opened for what there is room for.
        if room > 0 { perform(.returnRoom(room)) }
        room = 0
        perform(.closeAll)
    }

    /// A round begins to fire: the report has an entry for it.
    mutating func open(_ entry: ConnectionReport.Attempt, in report: inout ConnectionReport) {
        report.attempts.append(entry)
        entries[round] = report.attempts.count - 1
    }

    private mutating func judge(
        _ shot: ShotID, _ verdict: ConnectionReport.Attempt.Verdict, _ detail: String, _ context: DialContext,
        _ report: inout ConnectionReport, at now: Instant
    ) {
        guard let entry = entries[shot.target], report.allows(verdict, for: entry) else { return }
        report.judge(entry, verdict, detail, since: context.start, at: now)
        perform(.judged(entry: entry))
    }

    /// One of the many connections of a round is gone: others may come.
    private mutating func lost(_ shot: ShotID, _ loss: PathLoss, _ context: DialContext, _ report: inout ConnectionReport, at now: Instant) {
        guard let entry = entries[shot.target], report.attempts.indices.contains(entry) else { return }
        switch loss {
        case .superseded:
            report.judge(entry, .superseded, since: context.start, at: now)
            perform(.judged(entry: entry))
        case .beforeTakeover: judge(shot, .failed, loss.detail, context, &report, at: now)
        case .closedByRemote, .impostor, .other:
            guard report.attempts[entry].verdict == .pending else { return }
            judge(shot, loss == .impostor ? .impostor : .failed, loss.detail, context, &report, at: now)
        }
    }
}
