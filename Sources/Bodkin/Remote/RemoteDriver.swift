import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// The driver of a ``Remote``: the dials and sessions with one remote peer, those who wait for a connection to it, and the paths that it has opened. Confined to the
/// engine's event loop.
final class RemoteDriver {
    unowned let engine: PeerEngine
    let peer: PeerID
    /// In the order in which they began.
    private(set) var dials: [DialDriver] = []
    private(set) var sessions: [SessionID: SessionRecord] = [:]
    private var machine: Remote
    private var callers: [Remote.CallID: EventLoopPromise<Connection>] = [:]
    private var openings: [InboundPaths.ID: UnopenedPath] = [:]
    private var timer = DeadlineTimer()
    /// How many inputs are being handled, one inside another.
    private var depth = 0

    init(_ peer: PeerID, of engine: PeerEngine) {
        (self.peer, self.engine) = (peer, engine)
        machine = Remote(peer, engine.remoteConfiguration)
    }

    /// Whether there is no dial, no session, and nobody who waits.
    var isIdle: Bool { depth == 0 && dials.isEmpty && sessions.isEmpty && callers.isEmpty && machine.isIdle }

    func handle(_ input: Remote.Input) {
        depth += 1
        machine.handle(input, in: context, at: engine.now)
        while let action = machine.nextAction() { perform(action) }
        depth -= 1
        guard depth == 0 else { return }
        if machine.deadline != timer.deadline { timer.set(to: machine.deadline, by: engine.clock) { [weak self] in self?.deadlineCame() } }
        engine.remotes.prune(self)
    }

    func handle(_ event: Remote.SessionEvent, of session: SessionID) { handle(.session(session, event)) }

    private func deadlineCame() {
        timer.cancel()
        handle(.timeout)
    }

    private var context: Remote.Context {
        let isAdmitted = peer != engine.id && engine.configuration.admission.admits(peer)
        openings = openings.filter { $0.value.isWaiting }
        return Remote.Context(
            dials: dials.map(\.state), sessions: sessions.values.map(\.state), waiting: Set(openings.keys), isAdmitted: isAdmitted,
            hasRoomForSession: { [engine, peer] in engine.remotes.hasRoomForSession(of: peer) }, isOver: engine.isOver,
            isRegistrationSent: engine.isRegistrationSent,
            minimumRedialInterval: .nanoseconds(max(.milliseconds(400), engine.serverRoundTrip * 5).nanoseconds), jitter: .random(in: 0.5...1.5))
    }

    /// Whether the local user has to do with the remote peer: the application has dialed it, or the admission list names it.
    var isListed: Bool {
        if case .only(let peers) = engine.configuration.admission, peers.contains(peer) { return true }
        return !callers.isEmpty || dials.contains { $0.role == .dialer } || sessions.values.contains { $0.driver.role == .dialer }
    }

    // MARK: Dials

    func dial(_ id: AttemptID) -> DialDriver? { dials.first { $0.id == id } }

    /// The dials that are for a session, or have led to it.
    func dials(for session: SessionDriver) -> [DialDriver] { dials.filter { $0.session === session } }

    /// Keeps a dial.
    func insert(_ dial: DialDriver) { dials.append(dial) }

    /// Forgets a dial. Returns whether it was kept.
    func remove(_ dial: DialDriver) -> Bool {
        guard let index = dials.firstIndex(where: { $0 === dial }) else { return false }
        dials.remove(at: index)
        return true
    }

    /// Whether a session that our dial begins has to wait for their answer, because they dial, too.
    var beginsTentatively: Bool { machine.beginsTentatively(context) }

    /// Whether a Meet of theirs waits for what becomes of a dial.
    func hasDeferredMeet(for dial: AttemptID) -> Bool { machine.hasDeferredMeet(for: dial) }

    // MARK: Calls

    /// Dials the remote peer, or joins what is under way or alive.
    func connect(for call: Remote.CallID) -> EventLoopFuture<Connection> {
        let promise = engine.eventLoop.makePromise(of: Connection.self)
        callers[call] = promise
        handle(.called(call))
        return promise.futureResult
    }

    func answer(_ calls: [Remote.CallID], _ result: Result<Connection, any Error>) {
        for call in calls { callers.removeValue(forKey: call)?.completeWith(result) }
    }

    // MARK: Sessions

    /// The sessions with an instance of the remote peer.
    func sessions(with instance: InstanceID) -> [SessionDriver] { sessions.values.map(\.driver).filter { $0.remoteInstance == instance } }

    func insert(_ record: SessionRecord) { sessions[record.driver.id] = record }

    /// Forgets a session. Returns whether it was kept.
    func remove(_ record: SessionRecord) -> Bool {
        guard sessions[record.driver.id] === record else { return false }
        sessions[record.driver.id] = nil
        return true
    }

    // MARK: Paths that the remote peer opens

    /// The first frame of a path has come.
    func offered(_ path: UnopenedPath, _ frame: PathOpening) {
        openings[path.id] = path
        let dial = dials.first { $0.role == .called && $0.owns(path.path) }
        handle(.opening(Remote.Opening(id: path.id, frame: frame, isDirect: path.path.kind.isDirect, dial: dial?.id)))
    }

    /// An opening, which waits no more.
    func take(_ id: InboundPaths.ID) -> UnopenedPath? {
        guard let path = openings.removeValue(forKey: id), path.isWaiting else { return nil }
        return path
    }

    /// Offers paths once more.
    func offerAgain(_ ids: [InboundPaths.ID]) {
        let paths = ids.compactMap { openings[$0] }
        engine.eventLoop.assumeIsolated().execute { for path in paths { path.look() } }
    }
}

extension PeerEngine {
    /// What all remote peers have in common.
    fileprivate var remoteConfiguration: Remote.Configuration {
        Remote.Configuration(
            localPeer: id, localInstance: instance, usesDirectPaths: usesDirectPaths, usesCircuits: usesCircuits,
            pathlessLifetime: configuration.pathlessLifetime)
    }
}

extension DialDriver {
    /// The dial's claim to one of the places for dials of others.
    var claim: Share<AttemptID>.Claim {
        let wealth = remote.isListed ? ClaimWealth.listed : session != nil ? .used : isRemoteAuthenticated ? .proved : .unproved
        return Share.Claim(id: id, peer: peer, wealth: wealth, start: dial.start)
    }

    /// The dial, as far as it concerns the others of its remote peer.
    var state: Remote.DialState {
        Remote.DialState(
            id: id, role: role, purpose: dial.purpose, session: session?.id, instance: remoteInstance, start: dial.start,
            isDialed: isDialed, isPending: isPending, mayStillConnect: mayStillConnect, isTentative: isTentative)
    }
}
