import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// The driver of a ``Dial`` and its strategies: its channels, its timer, and those who wait for it. Confined to the engine's event loop.
final class DialDriver {
    typealias Role = Dial.Role
    typealias Aim = Dial.Aim

    unowned let engine: PeerEngine
    /// What else there is with the remote peer.
    let remote: RemoteDriver
    var dial: Dial
    /// The ways to a direct path.
    var strategies: [any PathStrategy]
    /// The next deadline of the dial and of its strategies.
    var timer = DeadlineTimer()
    /// The strategies' connections that are not up yet, nil before the system has begun; and those that are.
    var connecting: [ShotKey: (any Channel)?] = [:]
    var paths: [ShotKey: Path] = [:]
    /// The path on our circuit, while it lives; and the first flight on it, until the Dial has taken it along.
    weak var circuitPath: Path?
    var early: ByteBuffer?
    /// An accepted connection that turns out to be this dial's, at this moment.
    var acceptedPath: Path?
    var session: SessionDriver?
    /// The relays that the server has named, and the allocation at one of them.
    var relays: [Relay] = []
    var relayRace: RelayRace?
    var isAwaitingRelays = false
    var relayedCount = 0
    /// Who waits for the remote peer's forecast, where nothing but that is asked for.
    var forecastPromise: EventLoopPromise<WireForecast?>?

    private init(_ dial: consuming Dial, engine: PeerEngine) {
        self.engine = engine
        remote = engine.remotes[dial.peer]
        self.dial = dial
        strategies = PathStrategies.all(predictsPorts: engine.configuration.predictsPorts)
    }

    /// A dial that begins here.
    convenience init(dialing peer: PeerID, for purpose: Dial.Purpose = .open, engine: PeerEngine) {
        self.init(Dial(.random(), to: peer, for: purpose, engine.dialConfiguration, at: engine.now), engine: engine)
    }

    /// A dial for a session that needs a path, or a direct one.
    convenience init(resuming session: SessionDriver, _ aim: Aim, engine: PeerEngine) {
        self.init(
            Dial(.random(), to: session.peer, for: .resume(aim), instance: session.remoteInstance, engine.dialConfiguration, at: engine.now),
            engine: engine)
        self.session = session
    }

    /// A first dial once more, for the same callers.
    convenience init(anew former: DialDriver) {
        self.init(Dial(.random(), anew: former.dial), engine: former.engine)
    }

    /// The same dial, which waits for another instance.
    convenience init(again former: DialDriver) {
        self.init(Dial(again: former.dial), engine: former.engine)
        session = former.session
        forecastPromise = former.forecastPromise
        former.forecastPromise = nil
        circuitPath = former.circuitPath
    }

    /// A dial that somebody else has begun.
    convenience init(_ id: AttemptID, calledBy peer: PeerID, engine: PeerEngine) {
        self.init(Dial(id, calledBy: peer, engine.dialConfiguration, at: engine.now), engine: engine)
    }
}

/// What others may know of a dial.
extension DialDriver {
    var id: AttemptID { dial.id }
    var peer: PeerID { dial.peer }
    var role: Role { dial.role }
    var report: ConnectionReport { dial.report }
    var remoteInstance: InstanceID? { dial.remoteInstance }
    var isPending: Bool { dial.isPending }
    var isWaiting: Bool { dial.isWaiting }
    var isDialed: Bool { dial.isDialed }
    var isMeeting: Bool { dial.isMeeting }
    var isOver: Bool { dial.isOver }

    /// When the caller began to wait.
    var start: NIODeadline { engine.start + TimeAmount(dial.start.sinceStart) }
    var elapsed: Duration { engine.now - dial.start }
    /// Whether the session was there before: it needs a path, or a better one.
    var isResumption: Bool { dial.isResumption }
    /// Whether it looks for a direct path beside a circuit that works.
    var isUpgrade: Bool { isResumption && dial.aim == .directPath }
    /// Whether the session is an offer of ours that has no answer yet.
    var isTentative: Bool { !isResumption && session?.isTentative == true }
    /// Whether our circuit is a path of the session, by whichever path that began.
    var isCircuitTaken: Bool { engine.circuits[id].map { session?.runs(on: $0) ?? false } ?? false }
    /// Whether no strategy tries anything more.
    var isExhausted: Bool { strategies.allSatisfy(\.isExhausted) }
    /// Whether a direct path may still come of it.
    var mayStillConnect: Bool { isMeeting && !isExhausted }
    /// What applications see of the session.
    var record: SessionRecord? { session.flatMap { remote.sessions[$0.id] } }
    /// Whether a path is this dial's own.
    func owns(_ path: Path) -> Bool { engine.circuits[id].map { $0 === path.channel } ?? false || key(of: path) != nil }
    /// The SYN by which a path of ours has come about.
    func key(of path: Path) -> ShotKey? { paths.first { $0.value === path }?.key }

    /// Whether a connection of a strategy is up, and has not come to nothing yet.
    var hasConnection: Bool { paths.values.contains { $0.channel.isActive } }

    /// Whether the remote peer is authenticated, by this dial's circuit, by its session, or by another session of the same two instances. Then it is granted more than
    /// an unknown peer, and ports may be predicted for it: at either end, in a first dial, a recovery and an upgrade alike.
    var isRemoteAuthenticated: Bool { dial.isCircuitAuthenticated || session != nil || liveSessions.contains(where: \.isConfirmed) }

    /// Whether the session's direct path is only doubted. Then the circuit has to come before a search for ports: the path may answer yet, and a search costs many
    /// connections.
    var isDirectPathDoubted: Bool {
        let sessions = dial.isCircuitAuthenticated ? [] : liveSessions
        return sessions.contains { $0.activePath?.kind.isDirect == true }
            && !sessions.contains { $0.isConfirmed && $0.activePath?.kind.isDirect != true }
    }

    /// The sessions with the instance that is met.
    var liveSessions: [SessionDriver] { remoteInstance.map { remote.sessions(with: $0) } ?? [] }
}

/// What comes of a dial, for those who wait for it.
extension DialDriver {
    /// The remote peer's forecast; nil where it tells nothing.
    func queryForecast() -> EventLoopFuture<WireForecast?> {
        let promise = engine.eventLoop.makePromise(of: WireForecast?.self)
        forecastPromise = promise
        begin()
        return promise.futureResult
    }

    private func failForecast(_ error: any Error) {
        let promise = forecastPromise
        forecastPromise = nil
        promise?.fail(error)
    }

    /// There is a connection.
    func connected(_ session: SessionDriver, route: Route) {
        engine.tell(.connected(peer, route), since: start)
        remote.handle(.connected, of: session.id)
        // With that the dial may be over.
        feed(.answered)
    }

    /// It leads to nothing.
    func fail(_ error: any Error) {
        guard !isOver else { return }
        withdraw()
        finishStrategies()
        if role == .dialer, !isResumption {
            engine.metrics.dialed(report)
            engine.tell(.report(report), since: start)
        }
        failForecast(error)
        if role == .dialer, dial.purpose == .open { remote.handle(.dialFailed(error)) }
        end()
    }

    /// Nothing more is done for it.
    func release() {
        closeStrategies()
        if !isCircuitTaken { engine.circuits[id]?.close(promise: nil) }
        let isKept = engine.remotes.remove(self)
        engine.tellPorts(.dialEnded(id))
        failForecast(PeerError(.closed, "The dial was given up. Dial again."))
        if isKept { remote.handle(.dialEnded(id, for: role == .dialer ? session?.id : nil)) }
    }
}
