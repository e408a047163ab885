import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// Paths that others open, and the sessions that they belong to.
extension PeerEngine {
    /// The most paths of one session at once: the one that carries it, what replaces it, and what is being closed.
    static let pathLimit = 8

    /// Takes a connection to the reserved port.
    func accept(_ channel: any Channel) throws {
        guard !isOver else { return channel.close(promise: nil) }
        try inbound.accept(channel)
    }

    /// Makes the driver of inbound paths.
    func makeInboundDriver() -> InboundDriver {
        let delegate = InboundDriver.Delegate(
            expectedPeer: { [weak self] in self?.remotes.dial($0).flatMap { $0.role == .dialer ? $0.peer : nil } },
            admits: { [weak self] in self?.admits($0) ?? false },
            claim: { [weak self] id in
                weak let attempt = self?.remotes.dial(id)
                return { path in if let attempt { attempt.secured(path, candidate: nil) } else { path.close() } }
            },
            offer: { [weak self] path, opening in self?.offered(path, opening) })
        return InboundDriver(factory, clock: clock, delegate)
    }

    /// Whether a peer may open paths to this one: by policy, because a dial is under way, or because a live session is a grant.
    func admits(_ peer: PeerID) -> Bool {
        configuration.admission.admits(peer) || remotes.knows(peer)
    }

    /// Waits for the first frame of an authenticated dialer, which names the session of the path.
    func awaitOpening(_ path: Path, from peer: PeerID) { inbound.awaitOpening(path, from: peer) }

    /// The first frame of a path has come.
    private func offered(_ path: UnopenedPath, _ opening: PathOpening) {
        guard !holds(path, opening, from: path.peer) else { return }
        path.take()
        open(path.path, opening, from: path.peer, received: path.received)
    }

    /// The first frame is there.
    func open(_ path: Path, _ opening: PathOpening, from peer: PeerID, received: ByteBuffer) {
        // A connection that the dialer has opened tells no attempt.
        let called = remotes.dials(with: peer).filter { $0.role == .called && $0.session == nil && $0.remoteInstance == opening.sender }
        let attempt = called.first { $0.owns(path) } ?? (path.kind.isDirect ? called.first : nil)
        tell(
            .pathEstablished(peer, Route(path.kind), remote: path.remote),
            since: remotes.session(opening.session, with: peer)?.start ?? attempt?.start)
        if let driver = remotes.session(opening.session, with: peer)?.driver, opening.receiver == instance, opening.sender == driver.remoteInstance {
            guard driver.pathCount < Self.pathLimit else { return path.close() }
            driver.add(path, received: received)
            attempt?.resumed(driver, on: path)
            if driver.activePath?.kind.isDirect == true { settle(with: driver) }
            return
        }
        // A live session is a grant to go on with it, not to begin another.
        let isAdmitted = configuration.admission.admits(peer) || remotes.dials(with: peer).contains { !$0.isResumption }
        let isLate = attempt == nil && isOvertaken(opening, from: peer)
        guard !isOver, isAdmitted, !isLate, opening.receiver == instance, opening.mode != .attach, remotes.sessionCount < Peer.connectionLimit else {
            path.send(PathOutput(head: Session.refusal(opening.mode == .attach ? .unknownSession : .refused)))
            path.flush()
            return path.close()
        }
        let session = Session(
            role: .called, id: opening.session, localInstance: instance, remoteInstance: opening.sender, configuration: configuration.session)
        let driver = SessionDriver(session, peer: peer, on: eventLoop)
        let connection = adopt(
            driver, report: attempt?.report ?? ConnectionReport(peer: peer), start: attempt?.start ?? eventLoop.now, kind: path.kind)
        attempt?.began(on: path, driver)
        remotes.session(opening.session, with: peer)?.began(on: path)
        tell(.connected(peer, Route(path.kind)), since: attempt?.start)
        driver.add(path, received: received)
        if driver.activePath?.kind.isDirect == true { settle(with: driver) }
        attempt?.concludeIfExhausted()
        withdrawOffers(to: peer, otherThan: opening.sender)
        // Who dialed this peer at the same time gets this very connection.
        let folded = remotes.dials(with: peer).filter { $0.role == .dialer && $0.session == nil }
        let isAwaited = folded.contains { !$0.callers.isEmpty }
        for attempt in folded { attempt.fold(into: connection) }
        if !isAwaited { incoming.yield(connection) }
    }

    /// Keeps a session, and follows what happens in it.
    func adopt(_ driver: SessionDriver, report: ConnectionReport, start: NIODeadline, kind: PathKind) -> Connection {
        let upkeep = Upkeep(driver.role, kind: kind, lifetime: configuration.pathlessLifetime, allowsDirectPaths: usesDirectPaths)
        let box = ConnectionBox(driver, report: report, start: start, upkeep: upkeep)
        remotes.insert(box)
        let connection = Connection(box)
        driver.keepalive = { [weak self] path in path.kind.isDirect ? self?.keepalive(from: path.local) ?? KeepaliveSearch.first : .seconds(25) }
        driver.onEvent = { [weak self, weak box, unowned driver] event in
            guard let self, let box else { return }
            switch event {
            case .confirmed:
                self.confirmed(box)
                if driver.activePath?.kind.isDirect == true { self.settle(with: driver) }
            case .tookOver(let path):
                self.metrics.moved(from: box.report.route, to: Route(path.kind))
                box.tookOver(path)
                self.tell(.pathChanged(driver.peer, Route(path.kind), remote: path.remote), since: start)
                if path.kind.isDirect { self.settle(with: driver) }
            case .lostPath(let path, let error, let wasActive):
                if wasActive { self.lost(path, error, of: box) }
                for attempt in self.remotes.dials(for: driver) { attempt.lost(path, error) }
                self.parted(path)
            case .doubtful: return self.doubted(box)
            case .survived(let path, let silence): return path.kind.isDirect ? self.answered(after: silence, from: path.local) : ()
            case .expired(let path, let silence): return path.kind.isDirect ? self.died(after: silence, from: path.local) : ()
            case .closed(let reason):
                self.remotes.remove(box)
                if let path = driver.activePath { self.parting.append((path, box)) }
                self.countConnections()
                box.closed(reason)
                if !driver.isOnOffer { self.tell(.closed(driver.peer, reason: ConnectionBox.text(of: reason)), since: start) }
                if !driver.isConfirmed { self.makeWay(box, reason) }
                for attempt in self.remotes.dials(for: driver) { attempt.end() }
                return
            }
            self.tend(box)
            self.countConnections()
        }
        return connection
    }

    /// A path of a session is gone: perhaps the one that carried the last words of a session.
    private func parted(_ path: Path) {
        guard let index = parting.firstIndex(where: { $0.path === path }) else { return }
        parting.remove(at: index)
        if parting.isEmpty { allParted?.succeed() }
    }

    /// Done when the last words of the sessions that are over are with their far sides, or after so long. Whose program ends before that leaves them looking for it.
    func part(within limit: TimeAmount) -> EventLoopFuture<Void> {
        guard !parting.isEmpty else { return eventLoop.makeSucceededVoidFuture() }
        let promise = eventLoop.makePromise(of: Void.self)
        allParted = promise
        let deadline = OneShot(on: eventLoop, in: limit) { promise.succeed() }
        promise.futureResult.assumeIsolated().whenComplete { _ in deadline.cancel() }
        return promise.futureResult
    }

    /// The sessions with an instance of a peer.
    func sessions(with peer: PeerID, _ instance: InstanceID) -> [SessionDriver] {
        remotes.sessions(with: peer).map(\.driver).filter { $0.remoteInstance == instance && $0.closeReason == nil }
    }

    /// Brings what is told of the connections up to date.
    private func countConnections() { metrics.carried(by: remotes.allSessions.map { $0.driver.activePath.map { Route($0.kind) } }) }

    /// A direct path carries the session: what else was tried for it is over.
    func settle(with driver: SessionDriver) {
        for attempt in remotes.dials(for: driver) { attempt.settled(on: driver.activePath) }
        endCalls(of: driver)
    }
}
