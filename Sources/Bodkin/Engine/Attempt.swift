import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// One dial, at either end: a circuit at once, shots at the far side's candidates at the agreed instants, until a direct path has settled.
///
/// ```
///  waiting ──Dial sent──▶ dialed ──Meet──▶ meeting ──direct path──▶ over (direct)
///     │                    │ │ ▲──DialPending─┘└────instants used up──▶ over (circuit, or failed)
///     ├────────────────────┼─┴── DialFailed, timeout ──────────────▶ over (failed)
///     └────────────────────┴──── server lost ───▶ over, and dialed anew
/// ```
/// A DialPending says that nobody can be met now: the dial waits at the server, and a Meet that came before is void.
/// The called end begins in `meeting`. Confined to the engine's event loop.
final class Attempt {
    enum Role { case dialer, called }
    enum Phase { case waiting, dialed, meeting, over }

    unowned let engine: PeerEngine
    let id: AttemptID
    let role: Role
    let peer: PeerID
    /// When the caller began to wait.
    private(set) var start: NIODeadline
    var phase = Phase.waiting
    var report: ConnectionReport
    var remoteInstance: InstanceID?
    var session: SessionDriver?
    /// The Meet of a dial of the far side's that waits for what becomes of ours.
    var leftAlone: WireMeet?
    /// Whether the session was there before: it needs a path, or a better one.
    private(set) var isResumption = false
    /// Whether the session is an offer of ours that has no answer yet.
    var isOnOffer: Bool { !isResumption && session?.isOnOffer == true }
    /// Whether our circuit is a path of the session, by whichever path that began.
    var isCircuitTaken: Bool { engine.circuits[id].map { session?.runs(on: $0) ?? false } ?? false }
    /// The ways to a direct path, and their timer.
    var strategies: [any PathStrategy]
    var strategyTimer: (deadline: Instant, task: OneShot)?
    /// Their connections that are not up yet, nil before the system has begun; and those that are.
    var connecting: [ShotKey: (any Channel)?] = [:]
    var paths: [ShotKey: Path] = [:]
    /// What the server sees of the other side.
    var observed: [Endpoint] = []
    /// The other side's latest card.
    var card: WireSignedCard?
    /// Whether it names any candidate.
    var hasCandidates = false
    /// Its endpoints that may be connected to.
    var targets: [Endpoint] = []
    /// The endpoint that all of its connections have, where the card says so and the server has seen it.
    var keptEndpoint: Endpoint?
    /// How many cards of the far side have been looked at.
    var cardCount = 0
    var circuitReportIndex: Int?
    /// Those who wait for the connection.
    var callers: [ObjectIdentifier: EventLoopPromise<Connection>] = [:]
    var early = ByteBuffer()
    var timeout: OneShot?
    /// Whether the session has been given a direct path, confirmed or not.
    var hasDirectPath = false
    /// Whether both sides look for direct paths.
    var isDirectWanted = true
    /// Whether the Meet's card named any candidate.
    var hasMetCandidates = false
    /// Who waits for the far side's forecast, where nothing but that is asked for.
    var forecastQuery: EventLoopPromise<WireForecast?>?
    /// Whether the remote peer has proved itself over this dial's circuit.
    private(set) var hasAuthenticatedCircuit = false
    /// Whether the far side has asked for our forecast, and has been told.
    var hasReceivedForecastQuery = false
    var hasAnsweredForecastQuery = false
    /// Whether the allocator was looked at once more for that.
    var isLookedAtAgain = false
    /// Whether a Meet has come.
    var hasMet = false
    /// Whether the strategies had nothing more to try before.
    var hasConcluded = false
    /// Whether the link to the server that its circuit ran on is gone.
    var isLinkLost = false
    /// Whether the server has said that the dial waits for the remote peer, and whether it has met that before.
    var isPending = false
    var wasMet = false
    /// The path on our circuit, while it lives.
    weak var circuitPath: Path?
    /// What is looked for, where the session was there before.
    enum Aim { case anyPath, directPath, circuit }
    private(set) var aim = Aim.anyPath

    /// A dial that begins here.
    init(dialing peer: PeerID, engine: PeerEngine, _ id: AttemptID = .random()) {
        self.engine = engine
        start = engine.eventLoop.now
        self.peer = peer
        self.id = id
        role = .dialer
        report = ConnectionReport(peer: peer)
        strategies = PathStrategies.all(predictsPorts: engine.configuration.predictsPorts)
    }

    /// A dial for a session that needs a path, or a direct one.
    convenience init(resuming session: SessionDriver, _ aim: Aim, engine: PeerEngine) {
        self.init(dialing: session.peer, engine: engine)
        isResumption = true
        self.aim = aim
        self.session = session
        remoteInstance = session.remoteInstance
    }

    /// A first dial once more, for the same callers.
    convenience init(anew former: Attempt) {
        self.init(dialing: former.peer, engine: former.engine)
        inherit(from: former)
    }

    /// The same dial, which has met an instance that does not answer, and waits for another one. Nothing but its circuit goes on: no byte has come back on that.
    convenience init(again former: Attempt) {
        self.init(dialing: former.peer, engine: former.engine, former.id)
        inherit(from: former)
        phase = .dialed
        isPending = true
        wasMet = true
        isResumption = former.isResumption
        aim = former.aim
        session = former.session
        if isResumption { remoteInstance = former.remoteInstance }
        forecastQuery = former.forecastQuery
        former.forecastQuery = nil
        circuitReportIndex = former.circuitReportIndex
        circuitPath = former.circuitPath
        former.stop()
    }

    private func inherit(from former: Attempt) {
        start = former.start
        report = former.report
        leftAlone = former.leftAlone
        former.leftAlone = nil
        callers = former.callers
        former.callers = [:]
    }

    /// A dial that somebody else has begun.
    init(_ id: AttemptID, calledBy peer: PeerID, engine: PeerEngine) {
        self.engine = engine
        start = engine.eventLoop.now
        self.id = id
        self.peer = peer
        role = .called
        report = ConnectionReport(peer: peer)
        strategies = PathStrategies.all(predictsPorts: engine.configuration.predictsPorts)
    }

    /// The connection that it leads to, for one of those who dial.
    func result(for call: ObjectIdentifier) -> EventLoopFuture<Connection> {
        let promise = engine.eventLoop.makePromise(of: Connection.self)
        callers[call] = promise
        return promise.futureResult
    }

    /// One of those who dial gives up: so does the dial with the last one.
    func cancel(for call: ObjectIdentifier) {
        guard let promise = callers.removeValue(forKey: call) else { return }
        promise.fail(CancellationError())
        // What is on offer the far side may have taken for its own dial.
        if callers.isEmpty, session == nil { fail(CancellationError()) }
    }

    private func answerCallers(_ result: Result<Connection, any Error>) {
        if case .failure(let error) = result, let promise = forecastQuery {
            forecastQuery = nil
            promise.fail(error)
        }
        let waiting = callers.values
        callers = [:]
        for promise in waiting { promise.completeWith(result) }
    }

    /// Whether a connection of it is up, and has not come to nothing yet.
    var isConnecting: Bool { hasDirectPath || paths.values.contains { $0.channel.isActive } }

    /// Whether the remote peer is authenticated, by this dial's circuit, by its session, or by another session of the same two instances. Then it is granted more than
    /// a stranger, and ports may be predicted for it: at either end, in a first dial, a recovery and an upgrade alike.
    var isRemoteAuthenticated: Bool { hasAuthenticatedCircuit || session != nil || liveSessions.contains(where: \.isConfirmed) }

    /// Whether the session's direct path is only doubted. Then the circuit has to come before a search for ports: the path may answer yet, and a search costs many
    /// connections.
    var isDirectPathDoubted: Bool {
        let sessions = hasAuthenticatedCircuit ? [] : liveSessions
        return sessions.contains { $0.activePath?.kind == .direct } && !sessions.contains { $0.isConfirmed && $0.activePath?.kind != .direct }
    }

    /// The sessions with the instance that is met.
    private var liveSessions: [SessionDriver] { remoteInstance.map { engine.sessions(with: peer, $0) } ?? [] }

    /// The circuit's handshake has proved the remote peer.
    func authenticatedByCircuit() {
        guard phase != .over else { return }
        hasAuthenticatedCircuit = true
        // Its private addresses beyond our links are allowed from now on.
        if let card { received(card) }
        remoteAuthenticated()
        continueForecastQuery()
    }

    /// From us to the far side by circuit; zero where that is not known.
    var wayByCircuit: TimeAmount {
        guard let path = session?.activePath, path.kind == .circuit, let time = path.handshakeTime else { return .zero }
        return TimeAmount(min(time, .seconds(1)) / 2)
    }

    /// Whether it looks for a direct path beside a circuit that works.
    var isUpgrade: Bool { isResumption && aim == .directPath }

    /// Whether a direct path may still come of it.
    var mayStillConnect: Bool { phase == .meeting && !isExhausted }

    /// What applications see of the session.
    var box: ConnectionBox? { session.flatMap { engine.remotes.session($0.id, with: peer) } }

    var elapsed: Duration { .nanoseconds((engine.eventLoop.now - start).nanoseconds) }

    /// Whether a path is this attempt's own.
    func owns(_ path: Path) -> Bool {
        engine.circuits[id].map { $0 === path.channel } ?? false || key(of: path) != nil
    }

    /// The called end: the dialer goes on with a session that there is.
    func resumed(_ driver: SessionDriver, on path: Path) {
        session = driver
        isResumption = true
        carries(path)
        concludeIfExhausted()
    }

    /// The SYN by which a path of ours has come about.
    func key(of path: Path) -> ShotKey? { paths.first { $0.value === path }?.key }

    /// Whether it is an earlier call of the same dialer.
    func isFormer(of peer: PeerID, _ instance: [UInt8]) -> Bool { role == .called && self.peer == peer && remoteInstance?.bytes == instance }

    /// Another one is in its place.
    func giveWay() { if session == nil || isResumption { end() } else { conclude() } }

    /// Who has a path, and looks for no more, is done.
    func concludeIfExhausted() { if hasMet, isExhausted, session != nil, phase != .over { conclude() } }

    /// A called end whose dialer never comes is forgotten.
    func expire() {
        timeout = OneShot(on: engine.eventLoop, in: TimeAmount(engine.configuration.dialTimeout)) { [weak self] in
            guard let self, self.session == nil else { return }
            self.end()
        }
    }

    /// Both dialed each other, and the other's dial stands.
    func fold(into connection: Connection) {
        guard session == nil else { return }
        leftAlone = nil
        answerCallers(.success(connection))
        end()
    }

    /// An offer that the far side does not have to answer any more.
    func withdraw() {
        guard isOnOffer, let driver = session else { return }
        session = nil
        driver.abort(code: 0, reason: "the dial was given up")
    }

    /// Our offer came to nothing, for this reason; nil where the far side's session is to be had instead.
    func lostOffer(_ reason: String?) {
        session = nil
        hasDirectPath = false
        if let reason { fail(.unresponsive, "The remote peer did not accept the connection (\(reason)). Try again in a moment.") }
    }

    /// The far side has our session.
    func confirmed() {
        guard role == .dialer, !isResumption, session?.isOffer == true, let box else { return }
        // Nobody waits for it here any more, but the far side, which has dialed, too.
        if callers.isEmpty { engine.incoming.yield(Connection(box)) }
        connected(Connection(box), route: box.report.route ?? .circuit)
        concludeIfExhausted()
    }

    /// There is a connection.
    func connected(_ connection: Connection, route: Route) {
        timeout?.cancel()
        leftAlone = nil
        engine.tell(.connected(peer, route), since: start)
        answerCallers(.success(connection))
    }

    /// It leads to nothing.
    func fail(_ code: PeerError.Code, _ message: String) {
        finishStrategies()
        fail(PeerError(code, message, report: report))
    }

    /// It leads to nothing.
    func fail(_ error: any Error) {
        guard phase != .over else { return }
        withdraw()
        finishStrategies()
        if role == .dialer, !isResumption {
            engine.metrics.dialed(report)
            engine.tell(.report(report), since: start)
        }
        answerCallers(.failure(error))
        end()
    }

    /// Nothing more is tried.
    private func stop() {
        phase = .over
        timeout?.cancel()
        closeStrategies()
    }

    /// Nothing more is done for it.
    func end() {
        withdrawDial()
        stop()
        if !isCircuitTaken { engine.circuits[id]?.close(promise: nil) }
        engine.remotes.remove(self)
        engine.tellPorts(.dialEnded(id))
        answerCallers(.failure(PeerError(.closed, "the dial was given up")))
        if let meet = leftAlone { engine.eventLoop.assumeIsolated().execute { [weak engine] in engine?.takeUp(meet) } }
        leftAlone = nil
        if role == .dialer, let box { engine.attemptEnded(for: box) }
    }
}
