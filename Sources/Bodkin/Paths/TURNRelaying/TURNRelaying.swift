import BodkinCore
import BodkinProtocols

/// A path by TURN relays (RFC 8656, RFC 6062), where no direct one has come within ``delay``: the dialer has an allocation, and the called side connects to its relayed
/// endpoint. If it cannot, it has an allocation as well, and the dialer's relay connects to that one.
///
/// ```
///  dialer:  idle ──delay──▶ asking ──▶ allocating ──▶ permitting ──told the remote peer──▶ ready ──▶ up
///  called:  idle ──the remote relayed endpoint──▶ asking ──▶ connecting ─ ─no way─ ─▶ allocating ──▶ permitting ──▶ ready ──▶ up
/// ```
/// Each step has ``patience``. Whoever has no relay says so, and then nobody waits.
struct TURNRelaying: PathStrategy {
    /// How long after the first instant direct paths alone are looked for.
    static let delay = Duration.seconds(3)
    /// How long a step may take: TCP, TLS and three answers of a relay, with lost packets.
    static let patience = Duration.seconds(10)
    /// How long the remote relayed endpoint is connected to before an allocation is asked for beside that.
    static let head = Duration.seconds(1)
    /// The connection of the called side to the remote relayed endpoint, or the one that the dialer's relay has accepted.
    static let plainShot = ShotID(target: 0, turn: 1)
    /// The connection between two relayed endpoints.
    static let relayShot = ShotID(target: 1, turn: 1)

    enum Phase: Equatable {
        /// Before the Meet; then until the time has come, or the remote peer has named its relayed endpoint.
        case idle, waiting
        /// The server has been asked for relays.
        case asking
        /// Only the remote relayed endpoint is connected to.
        case connecting
        /// The relays have been asked for an allocation; it has been given, and the remote addresses are being permitted.
        case allocating
        case permitting(Endpoint)
        /// The remote peer has been told.
        case ready
        case up
        case over
    }

    private(set) var phase = Phase.idle
    private(set) var deadline: Instant?
    /// The relayed endpoint of the remote peer.
    private var remote: Endpoint?
    private var entry: Int?
    private var actions: [PathStrategyAction] = []

    var kind: PathKind { .turn }
    var roomUse: HalfOpenBudget.Use? { nil }
    var isExhausted: Bool { phase == .over }
    var verdict: RelayVerdict? { nil }

    mutating func nextAction() -> PathStrategyAction? { actions.isEmpty ? nil : actions.removeFirst() }

    mutating func handle(_ event: PathStrategyEvent, in context: DialContext, report: inout ConnectionReport, at now: Instant) {
        guard phase != .over else { return }
        switch event {
        case .met(let start, _): beginAt(start + Self.delay, context, at: now)
        case .directPathsAbandoned: beginAt(now, context, at: now)
        case .relays(let addresses): found(addresses, context, &report, at: now)
        case .allocated(let endpoint): allocated(endpoint, context, &report, at: now)
        case .permitted: permitted(at: now)
        case .relaysFailed(let reason): giveUp(reason, context, &report, at: now)
        case .remoteRelayed(let endpoint): named(endpoint, context, &report, at: now)
        // No allocation is asked for while the handshake is under way.
        case .connected: if phase == .connecting { deadline = now + Self.patience }
        case .failed(let shot, let failure): failed(shot, failure.words, context, &report, at: now)
        case .secured: secured(context, &report, at: now)
        case .superseded: end(.superseded, "", context, &report, at: now)
        case .lost(let shot, let loss): lost(shot, loss, context, &report, at: now)
        case .turn: if phase == .up { phase = .over }
        case .timeout: if deadline.map({ $0 <= now }) ?? false { timeout(context, &report, at: now) }
        case .target, .natLearned, .granted, .denied, .inspected, .unheard, .settled, .directPathLost, .remoteAuthenticated, .portReplaced,
            .portAnnounced, .meetStayedSilent, .remoteForecast, .sampled:
            break
        }
    }

    mutating func finish(in context: DialContext, report: inout ConnectionReport, at now: Instant) {
        end(.failed, "the dial was over before", context, &report, at: now)
    }

    mutating func close() {
        guard phase != .over else { return }
        (phase, deadline) = (.over, nil)
        actions += [.closeAll, .releaseRelays]
    }

    // MARK: Steps

    private mutating func beginAt(_ start: Instant, _ context: DialContext, at now: Instant) {
        guard phase == .idle || phase == .waiting else { return }
        guard context.hasRelays else { return phase = .over }
        phase = .waiting
        // The called side waits for the dialer's word, which comes behind two steps of that.
        deadline = context.isDialer ? start : start + Self.patience * 2
    }

    private mutating func timeout(_ context: DialContext, _ report: inout ConnectionReport, at now: Instant) {
        switch phase {
        case .idle, .up, .over: deadline = nil
        case .waiting where !context.isDialer: giveUp("the dialer has named no relay", context, &report, at: now)
        case .waiting where context.isOnRelay: giveUp("", context, &report, at: now)
        // It is about to carry the session, or gone in a moment.
        case .waiting where context.hasDirectPath: deadline = now + Self.head
        case .waiting: ask(context, &report, at: now)
        case .connecting: allocate(at: now)
        case .asking: giveUp("the server has named no relay in time", context, &report, at: now)
        case .allocating, .permitting: giveUp("no relay has answered in time", context, &report, at: now)
        case .ready: giveUp("nothing came by the relay in time", context, &report, at: now)
        }
    }

    private mutating func ask(_ context: DialContext, _ report: inout ConnectionReport, at now: Instant) {
        report.attempts.append(ConnectionReport.Attempt(route: .turn, remote: remote, start: now - context.start))
        entry = report.attempts.count - 1
        go(to: .asking, at: now)
        actions.append(.queryRelays)
    }

    /// The server has named its relays, which have these addresses.
    private mutating func found(_ addresses: Set<IPAddress>, _ context: DialContext, _ report: inout ConnectionReport, at now: Instant) {
        guard phase == .asking else { return }
        guard let remote else { return allocate(at: now) }
        // Another endpoint may be a third party's, and is left to a relay, which has rules of its own.
        guard addresses.contains(remote.address) else { return allocate(at: now) }
        phase = .connecting
        deadline = now + max(Self.head, context.serverRoundTrip * 2)
        actions.append(.connectToRelayed(Self.plainShot, remote))
    }

    private mutating func allocate(at now: Instant) {
        go(to: .allocating, at: now)
        actions.append(.allocate(towards: remote?.address.family))
    }

    private mutating func allocated(_ endpoint: Endpoint, _ context: DialContext, _ report: inout ConnectionReport, at now: Instant) {
        guard phase == .allocating else { return }
        if context.isDialer, let entry { report.attempts[entry].remote = endpoint }
        go(to: .permitting(endpoint), at: now)
        actions.append(.permit(remote.map { [$0.address] } ?? context.remoteAddresses))
    }

    private mutating func permitted(at now: Instant) {
        guard case .permitting(let endpoint) = phase else { return }
        go(to: .ready, at: now)
        actions.append(.sendRelayed(endpoint))
    }

    /// The remote peer has this relayed endpoint; nil where it has none.
    private mutating func named(_ endpoint: Endpoint?, _ context: DialContext, _ report: inout ConnectionReport, at now: Instant) {
        guard let endpoint else { return end(.failed, "the remote peer has no relay", context, &report, at: now) }
        guard remote == nil else { return }
        switch phase {
        case .idle, .waiting:
            guard !context.isDialer, context.hasRelays else { return }
            remote = endpoint
            ask(context, &report, at: now)
        case .ready where context.isDialer:
            remote = endpoint
            go(to: .ready, at: now)
            actions.append(.connectByRelay(Self.relayShot, endpoint))
        case .asking, .connecting, .allocating, .permitting, .ready, .up, .over: break
        }
    }

    /// A connection has come to nothing: the other way may lead there. What the dialer's relay has accepted may have been somebody else's.
    private mutating func failed(
        _ shot: ShotID, _ reason: String, _ context: DialContext, _ report: inout ConnectionReport, at now: Instant
    ) {
        switch phase {
        case .connecting: allocate(at: now)
        case .ready: if context.isDialer, shot == Self.relayShot { giveUp(reason, context, &report, at: now) }
        case .idle, .waiting, .asking, .allocating, .permitting, .up, .over: break
        }
    }

    private mutating func lost(
        _ shot: ShotID, _ loss: PathLoss, _ context: DialContext, _ report: inout ConnectionReport, at now: Instant
    ) {
        if loss == .superseded { return end(.superseded, "", context, &report, at: now) }
        failed(shot, loss.detail, context, &report, at: now)
    }

    private mutating func secured(_ context: DialContext, _ report: inout ConnectionReport, at now: Instant) {
        judge(.succeeded, "", context, &report, at: now)
        (phase, deadline) = (.up, nil)
        actions += [.closeAll, .awaitTurn]
    }

    /// Nothing comes of it, and the remote peer hears that.
    private mutating func giveUp(_ reason: String, _ context: DialContext, _ report: inout ConnectionReport, at now: Instant) {
        actions.append(.sendRelayed(nil))
        end(.failed, reason, context, &report, at: now)
    }

    private mutating func end(
        _ verdict: ConnectionReport.Attempt.Verdict, _ reason: String, _ context: DialContext, _ report: inout ConnectionReport, at now: Instant
    ) {
        guard phase != .over, phase != .up else { return phase = .over }
        judge(verdict, reason, context, &report, at: now)
        close()
    }

    private mutating func judge(
        _ verdict: ConnectionReport.Attempt.Verdict, _ detail: String, _ context: DialContext, _ report: inout ConnectionReport, at now: Instant
    ) {
        guard let entry, report.allows(verdict, for: entry) else { return }
        report.judge(entry, verdict, detail, since: context.start, at: now)
        actions.append(.judged(entry: entry))
    }

    private mutating func go(to next: Phase, at now: Instant) { (phase, deadline) = (next, now + Self.patience) }
}
