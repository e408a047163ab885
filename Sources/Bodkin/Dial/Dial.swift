import BodkinCore
import BodkinPrediction
import BodkinProtocols

/// One dial, at either end: it asks the server to meet, and decides what the paths that come up are for, and when nothing more will come of it.
///
/// ```
///  waiting ──Dial sent──▶ dialed ──Meet──▶ meeting ──direct path──▶ over (direct)
///     │                    │ │ ▲──DialPending─┘└───nothing is left───▶ over (circuit, or failed)
///     ├────────────────────┼─┴── DialFailed, timeout ──────────────▶ over (failed)
///     └────────────────────┴──── server lost ───▶ over, and dialed anew
/// ```
/// A DialPending says that nobody can be met now: the dial waits at the server, and a Meet that came before is void. The called end begins in `meeting`.
/// How a direct path comes about is the business of each ``PathStrategy``; the driver passes on what the dial tells them.
struct Dial: ~Copyable {
    /// How long a dial that asks for a forecast alone waits for the remote peer: a check that says nothing for half a minute would be taken for a hung one.
    static let forecastDialTimeout = Duration.seconds(5)
    /// How long the answer to a forecast query may take once the remote peer is authenticated: one that knows no question says nothing.
    static let forecastTimeout = Duration.seconds(3)
    /// A dial that its server has let wait for less than the caller does is sent anew, unless there is less left than this.
    static let leastRest = Duration.seconds(2)
    /// The most cards of one dial: the Meet's, and those of fresh reserved ports. What they name is in the report, so it ends somewhere.
    static let cardLimit = 8
    /// The most targets: the candidates of a card by two ways out.
    static let targetLimit = 16

    enum Role { case dialer, called }
    /// What is looked for, where the session was there before.
    enum Aim { case anyPath, directPath, circuit }

    /// What a dial is for.
    enum Purpose: Equatable {
        /// A connection, for callers here or there.
        case open
        /// A path for a session that there is.
        case resume(Aim)
        /// The remote peer's forecast of its ports, and no session.
        case forecast
    }

    /// What does not change while the dial lasts.
    struct Configuration {
        var localPeer: PeerID
        var timeout: Duration
        var usesDirectPaths = true
        var usesCircuits = true
        var allowsPrivateAddresses = false
    }

    enum Phase {
        /// The Dial is to be sent.
        case waiting
        /// The server has the Dial.
        case dialed(Dialed)
        /// Both sides meet.
        case meeting(Meeting)
        case over
    }

    /// A dial at the server.
    struct Dialed {
        /// Whether the server has said that the dial waits for the remote peer.
        var isPending = false
        /// Whether it has met an instance that did not answer.
        var wasMet = false
    }

    /// What has become of the dial's circuit.
    enum Circuit: Equatable {
        case none
        /// The driver is to open it.
        case requested
        /// Its handshake is under way; the report has this entry for it.
        case opened(entry: Int)
        /// It has authenticated the remote peer.
        case authenticated(entry: Int)

        var entry: Int? {
            switch self {
            case .none, .requested: nil
            case .opened(let entry), .authenticated(let entry): entry
            }
        }
    }

    /// How far the question for a forecast is.
    enum ForecastQuery {
        case none
        /// The dialer has asked, and waits until then.
        case asked(until: Instant)
        /// The remote peer has asked; whether the allocator was sampled once more for that.
        case received(hasResampled: Bool)
        case answered
    }

    let configuration: Configuration
    let id: AttemptID
    let peer: PeerID
    let role: Role
    /// When the caller began to wait.
    let start: Instant
    private(set) var purpose: Purpose
    var phase = Phase.waiting
    var report: ConnectionReport
    var remoteInstance: InstanceID?
    var circuit = Circuit.none
    var forecastQuery = ForecastQuery.none
    /// Whether the session has been given a direct path, confirmed or not.
    var hasDirectPath = false
    /// Whether the caller's time still counts.
    var isTimed = false
    private var actions: [Action] = []

    /// A dial that begins here.
    /// - Parameter remoteInstance: the instance that the session is with, if there is one.
    init(
        _ id: AttemptID, to peer: PeerID, for purpose: Purpose = .open, instance remoteInstance: InstanceID? = nil, _ configuration: Configuration,
        at now: Instant
    ) {
        (self.configuration, self.id, self.peer, self.purpose) = (configuration, id, peer, purpose)
        (role, start, self.remoteInstance) = (.dialer, now, remoteInstance)
        report = ConnectionReport(peer: peer)
    }

    /// A dial that somebody else has begun. It is forgotten if its dialer never comes.
    init(_ id: AttemptID, calledBy peer: PeerID, _ configuration: Configuration, at now: Instant) {
        (self.configuration, self.id, self.peer, purpose) = (configuration, id, peer, .open)
        (role, start, isTimed) = (.called, now, true)
        report = ConnectionReport(peer: peer)
    }

    /// A first dial once more, under another ID, for the same callers.
    init(_ id: AttemptID, anew former: borrowing Dial) {
        (configuration, self.id, peer, purpose) = (former.configuration, id, former.peer, former.purpose)
        (role, start, report) = (.dialer, former.start, former.report)
    }

    /// The same dial, which has met an instance that does not answer, and waits for another one. Nothing but its circuit goes on: no byte has come back on that.
    init(again former: borrowing Dial) {
        (configuration, id, peer, purpose) = (former.configuration, former.id, former.peer, former.purpose)
        (role, start, report, circuit, isTimed) = (.dialer, former.start, former.report, former.circuit, true)
        if former.isResumption { remoteInstance = former.remoteInstance }
        phase = .dialed(Dialed(isPending: true, wasMet: true))
    }

    /// The next thing to do; nil where everything is done.
    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    mutating func perform(_ action: Action) { actions.append(action) }

    /// Tells every strategy.
    mutating func tell(_ event: PathStrategyEvent) { perform(.tell(event)) }

    /// When ``handle(_:in:at:)`` is to be given `.timeout`.
    var deadline: Instant? {
        if case .over = phase { return nil }
        var query: Instant?
        if case .asked(let until) = forecastQuery { query = until }
        return [isTimed ? callDeadline : nil, query].compactMap { $0 }.min()
    }

    // MARK: What others may know

    /// Until when the caller waits.
    var callDeadline: Instant { start + configuration.timeout }
    /// Whether the session was there before: it needs a path, or a better one.
    var isResumption: Bool { if case .resume = purpose { true } else { false } }
    /// What is looked for.
    var aim: Aim { if case .resume(let aim) = purpose { aim } else { .anyPath } }
    /// Whether the Dial is still to be sent, the server has it, or both sides meet.
    var isWaiting: Bool { if case .waiting = phase { true } else { false } }
    var isDialed: Bool { if case .dialed = phase { true } else { false } }
    var isMeeting: Bool { if case .meeting = phase { true } else { false } }
    /// Whether it is over.
    var isOver: Bool { if case .over = phase { true } else { false } }
    /// Whether the remote peer has proved itself over this dial's circuit.
    var isCircuitAuthenticated: Bool { if case .authenticated = circuit { true } else { false } }
    /// Whether the dial waits at the server for the remote peer.
    var isPending: Bool { if case .dialed(let dialed) = phase { dialed.isPending } else { false } }
    /// Whether another card of the remote peer would be looked at.
    var takesCards: Bool { meeting.map { $0.isDirect && $0.cardCount < Self.cardLimit } ?? false }
    /// What is known while both sides meet.
    var meeting: Meeting? { if case .meeting(let meeting) = phase { meeting } else { nil } }
    /// Whether the remote peer hears of fresh candidates: it has been asked to meet, or is about to be.
    var mayBeMet: Bool {
        switch phase {
        case .dialed(let dialed): !dialed.isPending
        case .meeting: true
        case .waiting, .over: false
        }
    }
    /// Whether the server has the dial.
    var isAtServer: Bool {
        switch phase {
        case .dialed, .meeting: true
        case .waiting, .over: false
        }
    }

    // MARK: Inputs

    mutating func handle(_ input: Input, in context: Context, at now: Instant) {
        if case .over = phase { return }
        switch input {
        case .begin(let isFirst): begin(isFirst: isFirst, context, at: now)
        case .registrationSent: sendIfWaiting(context, at: now)
        case .circuitOpened: circuitOpened(at: now)
        case .pending: pending(context)
        case .refused(let reason): refused(reason, context, at: now)
        case .met(let meet): met(meet, context, at: now)
        case .observed(let endpoints): observed(endpoints, context, at: now)
        case .card(let card): received(card, context, at: now)
        case .serverLost(let message): serverLost(message, context, at: now)
        case .remoteLost: remoteLost(context, at: now)
        case .secured(let path, let kind, let remote): secured(path, kind, remote: remote, context, at: now)
        case .sessionBegan: if context.areStrategiesExhausted { conclude() } else { tell(.remoteAuthenticated) }
        case .opened(let path, let isResumed): opened(path, isResumed: isResumed, context, at: now)
        case .sessionChanged: if context.areStrategiesExhausted, context.session != nil { conclude() }
        case .answered: isTimed = false
        case .directPathLost: hasDirectPath = false
        case .circuitLost(let loss): circuitLost(loss, context, at: now)
        case .circuitMissed: if context.areStrategiesExhausted { conclude() }
        case .settled(let remote): settled(remote, context, at: now)
        case .tentativeSessionFailed(let reason): tentativeSessionFailed(reason)
        case .strategiesExhausted: strategiesExhausted(context)
        case .strategiesFinished: concluded(context, at: now)
        case .replaced: if context.session == nil || isResumption { end(context) } else { conclude() }
        case .forecast(let forecast): received(forecast, context)
        case .samplingChanged: answerForecastQuery(context)
        case .ended: end(context)
        case .timeout: timeout(context, at: now)
        }
    }

    /// Changes what is known of the meeting.
    mutating func update(_ change: (inout Meeting) -> Void) {
        guard case .meeting(var meeting) = phase else { return }
        change(&meeting)
        phase = .meeting(meeting)
    }

    /// Another dial of this ID is in its place.
    mutating func stop() { phase = .over }

    /// The called end: the dialer goes on with a session that there is.
    mutating func resume() { purpose = .resume(aim) }
}
