import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// The sessions with the remote peer, and what happens in them.
extension RemoteDriver {
    /// A path that the remote peer has opened is for a session that there is.
    func attach(_ opening: Remote.Opening, dial id: AttemptID?) {
        guard let path = opened(opening, dial: id), let driver = sessions[opening.frame.session]?.driver else { return }
        driver.add(path.path, received: path.received)
        id.flatMap { dial($0) }?.resumed(driver, on: path.path)
        if driver.activePath?.kind.isDirect == true { handle(.settled, of: driver.id) }
    }

    /// A path that the remote peer has opened begins a session.
    func beginSession(_ opening: Remote.Opening, dial id: AttemptID?) {
        guard let path = opened(opening, dial: id) else { return }
        let called = id.flatMap { dial($0) }
        let session = Session(
            role: .called, id: opening.frame.session, localInstance: engine.instance, remoteInstance: opening.frame.sender,
            configuration: engine.configuration.session, window: ReceiveBudget.smallestWindow)
        let driver = SessionDriver(session, peer: peer, on: engine.eventLoop)
        let record = adopt(
            driver, report: called?.report ?? ConnectionReport(peer: peer), start: called?.start ?? engine.eventLoop.now, kind: path.path.kind)
        called?.began(on: path.path, driver)
        record.began(on: path.path)
        engine.tell(.connected(peer, Route(path.path.kind)), since: called?.start)
        driver.add(path.path, received: path.received)
        if driver.activePath?.kind.isDirect == true { handle(.settled, of: driver.id) }
        called?.concludeIfExhausted()
        handle(.opened, of: driver.id)
    }

    private func opened(_ opening: Remote.Opening, dial id: AttemptID?) -> UnopenedPath? {
        guard let path = take(opening.id) else { return nil }
        path.take()
        id.flatMap { dial($0) }?.note(path.path)
        let start = sessions[opening.frame.session]?.start ?? id.flatMap { dial($0)?.start }
        engine.tell(.pathEstablished(peer, Route(path.path.kind), remote: path.path.remote), since: start)
        return path
    }

    /// Keeps a session, and follows what happens in it.
    func adopt(_ driver: SessionDriver, report: ConnectionReport, start: NIODeadline, kind: PathKind) -> SessionRecord {
        let record = SessionRecord(driver, report: report, start: start, clock: engine.clock)
        engine.remotes.insert(record)
        handle(.began(record.startInstant, kind), of: driver.id)
        driver.findsOtherPaths = engine.usesCircuits
        driver.keepalive = { [weak engine] path in
            guard path.kind.isDirect else { return .seconds(25) }
            let longest = engine?.keepalive(from: path.local) ?? KeepaliveSearch.first
            return path.followsOthers ? min(longest, KeepaliveSearch.first) : longest
        }
        driver.onEvent = { [weak self, weak record] event in if let self, let record { self.handle(event, of: record) } }
        return record
    }

    private func handle(_ event: SessionDriver.Event, of record: SessionRecord) {
        let driver = record.driver
        switch event {
        case .confirmed:
            handle(.confirmed, of: driver.id)
            if driver.activePath?.kind.isDirect == true { handle(.settled, of: driver.id) }
        case .tookOver(let path): tookOver(path, record)
        case .lostPath(let path, let error, let wasActive):
            if wasActive { lost(path, error, record) } else if path.kind.isDirect { handle(.directPathLost, of: driver.id) }
            for dial in dials(for: driver) { dial.lost(path, error) }
            engine.remotes.drained(path)
        case .doubtful: return handle(.doubtful, of: driver.id)
        case .stillSilent: return handle(.stillSilent, of: driver.id)
        case .windowWanted(let bytes): return driver.grant(window: engine.remotes.receiveBudget.grow(driver.id, to: bytes))
        case .survived(let path, let silence): return path.kind.isDirect ? engine.answered(after: silence, from: path.local) : ()
        case .fellSilent(let path): return engine.gate.fellSilent(path.channel)
        case .expired(let path, let silence): return path.kind.isDirect && !path.followsOthers ? engine.died(after: silence, from: path.local) : ()
        case .closed(let reason): return closed(record, reason)
        }
        handle(.pathsChanged, of: driver.id)
        engine.remotes.countConnections()
    }

    private func tookOver(_ path: Path, _ record: SessionRecord) {
        engine.metrics.moved(from: record.report.route, to: Route(path.kind))
        record.tookOver(path)
        handle(.tookOver, of: record.driver.id)
        engine.tell(.pathChanged(peer, Route(path.kind), remote: path.remote), since: record.start)
        if path.kind.isDirect { handle(.settled, of: record.driver.id) }
    }

    /// The path that carried a session is dead.
    private func lost(_ path: Path, _ error: (any Error)?, _ record: SessionRecord) {
        record.lostPath()
        engine.metrics.lostPath(path.kind)
        engine.tell(.pathLost(peer, Route(path.kind), reason: error?.inPlainWords ?? "closed"), since: record.start)
        handle(.pathLost(endsProgram: path.kind.isDirect && error?.isEndOfProgram == true), of: record.driver.id)
    }

    private func closed(_ record: SessionRecord, _ reason: SessionCloseReason) {
        let driver = record.driver
        engine.remotes.remove(record)
        if let path = driver.activePath { engine.remotes.drain(path, record) }
        // The CONNECTION_CLOSE may outlive whatever else there is with the remote peer.
        driver.onEvent = { [weak engine] event in if case .lostPath(let path, _, _) = event { engine?.remotes.drained(path) } }
        engine.remotes.countConnections()
        record.closed(reason)
        let text = SessionRecord.text(of: reason)
        if !driver.isTentative { engine.tell(.closed(peer, reason: text), since: record.start) }
        handle(.closed(reason: text), of: driver.id)
    }
}
