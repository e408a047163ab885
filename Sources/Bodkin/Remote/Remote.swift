import BodkinCore
import BodkinProtocols
import BodkinTransport

/// Everything that concerns one remote peer: who waits for a connection, dials from both sides at once (glare), and the paths of its sessions.
///
/// ```
///  call ──▶ waiting ──own session, or theirs──▶ connected        Meet ──▶ answered, or deferred while a dial of ours stands
///             └──────── dial failed ─────────▶ failed            OPEN ──▶ attached, begun, held back, or refused
///
///  session:  unconfirmed ──answer──▶ confirmed ──path lost, late──▶ recovering ──path──▶ confirmed
///               └──── theirs stands, or no answer ────▶ over ◀──lifetime──┘
/// ```
/// Two peers that dial each other at once have one session. Who dials and knows that the remote peer dials, too, begins a *tentative* session: its caller has it when the
/// remote peer has answered. Of two sessions that both ends have begun, one that is not tentative stands; of two tentative ones, that of the lower peer ID. They cannot
/// both be not tentative: each handshake needs the other end, which knows of it then. Both ends see both openings, and decide alike.
struct Remote: ~Copyable {
    /// Names one who waits for a connection.
    typealias CallID = ObjectIdentifier

    /// The most paths of one session at once: the one that carries it, what replaces it, and what is being closed.
    static let pathLimit = 8
    /// The dialer acts on a recall once in so long.
    static let recallInterval = Duration.milliseconds(500)
    /// How often another path is looked for because of a late answer alone.
    static let doubtInterval = Duration.seconds(5)

    /// What does not change.
    struct Configuration {
        var localPeer: PeerID
        var localInstance: InstanceID
        var usesDirectPaths = true
        var usesCircuits = true
        /// How long a session lives without any path.
        var pathlessLifetime: Duration
    }

    /// What the machine keeps of a session.
    struct Kept {
        let start: Instant
        var recovery: Recovery
        /// When the remote peer last asked for another path.
        var recalledAt: Instant?
        /// When another path was last looked for because an answer was late.
        var doubtedAt: Instant?
        /// Paths of a session that the remote peer has begun itself: they wait for the answer to this one.
        var openings: [InboundPaths.ID] = []
    }

    let peer: PeerID
    let configuration: Configuration
    /// Who waits for a connection, in the order of the calls.
    var calls: [CallID] = []
    /// The Meet of a dial of theirs that waits for what becomes of ours.
    var deferredMeet: (meet: WireMeet, dial: AttemptID)?
    var sessions: [SessionID: Kept] = [:]
    /// The dials whose end was asked for by the recovery that follows them.
    var superseded: Set<AttemptID> = []
    private var actions: [Action] = []

    init(_ peer: PeerID, _ configuration: Configuration) {
        (self.peer, self.configuration) = (peer, configuration)
    }

    /// The next thing to do; nil where everything is done.
    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    mutating func perform(_ action: Action) { actions.append(action) }

    /// When to call ``handle(_:in:at:)`` with a timeout.
    var deadline: Instant? { sessions.values.compactMap { session in session.recovery.deadline.map { session.start + $0 } }.min() }

    /// Whether nothing is kept that has to outlive the dials and sessions.
    var isIdle: Bool { calls.isEmpty && deferredMeet == nil && sessions.isEmpty }

    mutating func handle(_ input: Input, in context: Context, at now: Instant) {
        switch input {
        case .called(let call): called(call, context)
        case .cancelled(let call): cancelled(call, context)
        case .dialReplaced(let dial, let successor): if deferredMeet?.dial == dial { deferredMeet?.dial = successor }
        case .dialFailed(let error): fail(error)
        case .dialEnded(let dial, let session): dialEnded(dial, for: session, context, at: now)
        case .meet(let meet, let isAccepted): received(meet, isAccepted: isAccepted, context)
        case .deferredMeetAccepted: acceptDeferredMeet(context)
        case .opening(let path): opened(path, context)
        case .session(let id, let event): handle(event, of: id, context, at: now)
        case .registrationSent: recallPathless(context)
        case .serverReturned: retryAll(context, at: now)
        case .networkChanged: networkChanged(context, at: now)
        case .mappingsChanged: retryUpgrades(context, at: now)
        case .woke(let time): for session in context.sessions { update(session.id, at: now) { $0.woke(after: time, at: $1) } }
        case .timeout: timeout(context, at: now)
        }
    }

    private mutating func handle(_ event: SessionEvent, of id: SessionID, _ context: Context, at now: Instant) {
        switch event {
        case .began(let start, let kind): began(id, since: start, on: kind, context)
        case .connected: connected(id, context)
        case .opened: theirs(id, context)
        case .confirmed: confirmed(id, context)
        case .settled: settled(id, context)
        case .tookOver: sessions[id]?.doubtedAt = nil
        case .pathLost(let endsProgram): pathLost(id, endsProgram: endsProgram)
        case .directPathLost: update(id, at: now) { $0.lostDirectPath(at: $1) }
        case .pathsChanged: pathsChanged(id, context, at: now)
        case .doubtful: doubted(id, context, at: now)
        case .stillSilent: stillSilent(id, context, at: now)
        case .directPathMissed: sessions[id]?.recovery.missed()
        case .recalled(let instance, let generation): recalled(id, by: instance, generation, context, at: now)
        case .closed(let reason): closed(id, reason, context)
        }
    }
}
