import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// Paths that others open, and the sessions that they belong to.
extension PeerEngine {
    /// The longest first frame of a session (docs/wire.md).
    private static let openLimit = 16_384

    /// A connection to the reserved port.
    func accept(_ channel: any Channel) throws {
        guard !isOver else { return channel.close(promise: nil) }
        // Whoever keeps silent longest makes room: nobody shuts the others out by saying nothing.
        if strangers.count >= Self.strangerLimit, let oldest = strangers.values.min(by: { $0.number < $1.number }) {
            oldest.channel.close(promise: nil)
        }
        strangerCount += 1
        strangers[ObjectIdentifier(channel)] = (strangerCount, channel)
        var isStranger = true
        let known = { [weak self] in
            guard isStranger else { return }
            isStranger = false
            self?.strangers[ObjectIdentifier(channel)] = nil
        }
        channel.closeFuture.assumeIsolated().whenComplete { _ in known() }
        var attempt: Attempt?
        let path = try factory.accepted(
            channel, expected: { [weak self] in self?.attempts[$0].flatMap { $0.role == .dialler ? $0.peer : nil } },
            admits: { [weak self] in self?.admits($0) ?? false },
            decided: { [weak self] id in attempt = id.flatMap { self?.attempts[$0] } })
        path.onEvent = { [weak self, unowned path] event in
            switch event {
            case .secured(let peer):
                known()
                if let attempt { attempt.secured(path, candidate: nil) } else { self?.awaitOpening(path, from: peer) }
            default: break
            }
        }
    }

    /// Forgets connections from an endpoint that have said nothing: a plain close would leave the system's half of them in the way.
    func discardStrangers(at remote: Endpoint) {
        for stranger in Array(strangers.values) where Endpoint(stranger.channel.remoteAddress) == remote {
            ReservedPort.discard(stranger.channel)
        }
    }

    /// Whether a peer may open paths to us: by policy, because a dial is under way, or because a live session is a grant.
    func admits(_ peer: PeerID) -> Bool {
        configuration.admission.admits(peer) || attempts.values.contains { $0.peer == peer } || sessions.keys.contains { $0.peer == peer }
    }

    /// The far side, a dialler, is proved: its first frame says which session the path is for.
    func awaitOpening(_ path: Path, from peer: PeerID) {
        var unread = ByteBuffer()
        // The dialler sends its first frame with the last flight of its handshake.
        let deadline = eventLoop.assumeIsolated().scheduleTask(in: .seconds(10)) { [weak path] in path?.close() }
        path.onEvent = { [weak self, unowned path] event in
            switch event {
            case .bytes(var bytes): unread.writeBuffer(&bytes)
            case .closed: deadline.cancel()
            case .readCompleted:
                do {
                    guard let opening = try Session.peekOpen(unread) else {
                        if unread.readableBytes > Self.openLimit { path.close() }
                        return
                    }
                    deadline.cancel()
                    self?.open(path, opening, from: peer, received: unread)
                } catch {
                    deadline.cancel()
                    path.close()
                }
            case .secured, .writabilityChanged: break
            }
        }
    }

    private func open(_ path: Path, _ opening: PathOpening, from peer: PeerID, received: ByteBuffer) {
        let key = SessionKey(peer: peer, session: opening.session)
        let attempt = attempts.values.first { $0.peer == peer && $0.role == .called && $0.session == nil }
        tell(.path(peer, path.kind == .circuit ? .circuit : .direct, remote: path.remote), since: sessions[key]?.start ?? attempt?.start)
        if let driver = sessions[key]?.driver, opening.receiver == instance, opening.sender == driver.remoteInstance {
            driver.add(path, received: received)
            if driver.activePath?.kind == .direct { settle(with: driver) }
            return
        }
        guard !isOver, opening.receiver == instance, opening.mode == .start, sessions.count < Peer.connectionLimit else {
            path.write(Session.refusal(opening.mode == .attach ? .unknownSession : .refused))
            path.flush()
            return path.close()
        }
        let session = Session(
            role: .called, id: opening.session, localInstance: instance, remoteInstance: opening.sender, configuration: configuration.session)
        let driver = SessionDriver(session, peer: peer, on: eventLoop)
        let connection = adopt(driver, report: attempt?.report ?? ConnectionReport(peer: peer), start: attempt?.start ?? NIODeadline.now())
        attempt?.began(on: path, driver)
        driver.add(path, received: received)
        sessions[key]?.began(on: path)
        tell(.connected(peer, path.kind == .circuit ? .circuit : .direct), since: attempt?.start)
        if driver.activePath?.kind == .direct { settle(with: driver) }
        // Who dialled this peer at the same time gets this very connection.
        let folded = attempts.values.filter { $0.peer == peer && $0.role == .dialler && $0.session == nil }
        for attempt in folded { attempt.fold(into: connection) }
        if folded.isEmpty { incoming.yield(connection) }
    }

    /// Keeps a session, and follows what happens in it.
    func adopt(_ driver: SessionDriver, report: ConnectionReport, start: NIODeadline) -> Connection {
        let key = SessionKey(peer: driver.peer, session: driver.id)
        let box = ConnectionBox(driver, report: report, start: start)
        sessions[key] = box
        let connection = Connection(box)
        driver.onEvent = { [weak self, unowned driver] event in
            guard let self else { return }
            switch event {
            case .confirmed: if driver.activePath?.kind == .direct { self.settle(with: driver) }
            case .tookOver(let path):
                box.tookOver(path)
                if path.kind == .direct { self.settle(with: driver) }
            case .lostPath(let path, _): for attempt in Array(self.attempts.values) where attempt.session === driver { attempt.lost(path) }
            case .withoutPath:
                // A direct path may still be on its way; otherwise this is the end.
                if !self.attempts.values.contains(where: { $0.session === driver && $0.mayStillConnect }) {
                    driver.fail("its last path is gone")
                }
            case .closed(let reason):
                self.sessions[key] = nil
                box.closed(reason)
                self.tell(.closed(driver.peer, reason: ConnectionBox.text(of: reason)), since: start)
                for attempt in Array(self.attempts.values) where attempt.session === driver { attempt.end() }
            }
        }
        return connection
    }

    /// A direct path carries the session: what else was tried for it is over.
    func settle(with driver: SessionDriver) {
        for attempt in Array(attempts.values) where attempt.session === driver { attempt.settled(on: driver.activePath) }
        for attempt in Array(attempts.values)
        where attempt.role == .called && attempt.session == nil && attempt.peer == driver.peer && attempt.remoteInstance == driver.remoteInstance {
            attempt.session = driver
            attempt.settled(on: driver.activePath)
        }
    }
}
