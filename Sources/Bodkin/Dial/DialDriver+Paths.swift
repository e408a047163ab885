import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore
import NIOSSL

/// The paths of a dial, and the session that they are for.
extension DialDriver {
    /// Begins the circuit's handshake.
    func openCircuit() {
        early = ByteBuffer()
        let channel = engine.makeCircuit(id) { [weak self] piece in
            // The first flight travels in the Dial.
            self?.early?.writeImmutableBuffer(piece) == nil
        }
        do {
            let path = try engine.factory.client(channel, kind: .circuit, expecting: peer, skipping: nil)
            circuitPath = path
            follow(path, as: .circuit)
            channel.activate()
            // The Dial, which takes the first flight along, may follow.
            feed(.circuitOpened)
        } catch {
            channel.close(promise: nil)
        }
    }

    /// The circuit has a path on it: follows that through its handshake.
    func follow(circuit path: Path) {
        circuitPath = path
        follow(path, as: .circuit)
        feed(.circuitOpened)
    }

    /// Follows a path through its handshake.
    func follow(_ path: Path, as ref: Dial.PathRef) {
        path.onEvent = { [weak self, unowned path] event in
            switch event {
            // Its dial is over and gone.
            case .secured where self == nil: path.close()
            case .secured: self?.secured(path, ref)
            case .closed(let error): self?.lost(ref, error)
            case .bytes, .readCompleted, .writabilityChanged: break
            }
        }
    }

    /// The path on a connection of ours.
    func path(on channel: any Channel, of kind: PathKind) throws -> Path {
        role == .dialer
            ? try engine.factory.client(channel, kind: kind, expecting: peer, skipping: id)
            : try engine.factory.server(channel, kind: kind, announcing: id, admits: { [peer] in $0 == peer })
    }

    func path(_ ref: Dial.PathRef) -> Path? {
        switch ref {
        case .circuit: circuitPath
        case .shot(let key): paths[key]
        case .accepted: acceptedPath
        }
    }

    /// An accepted connection turned out to be this dial's.
    func secured(_ path: Path, candidate: Candidate.Kind?) {
        guard !isOver else { return path.close() }
        var entry = ConnectionReport.Attempt(route: .direct, remote: path.remote, candidate: candidate, start: elapsed)
        entry.detail = "opened by the remote peer"
        dial.report.attempts.append(entry)
        acceptedPath = path
        secured(path, .accepted(entry: report.attempts.count - 1))
        acceptedPath = nil
    }

    private func secured(_ path: Path, _ ref: Dial.PathRef) {
        // The engine may be gone with it.
        guard !isOver else { return path.close() }
        note(path)
        feed(.secured(ref, path.kind, remote: path.remote))
    }

    /// Notes of a path what has gone before it.
    func note(_ path: Path) {
        if let remote = path.remote { path.followsOthers = report.hasRepeated(remote, isOwn: key(of: path) != nil) }
    }

    /// A path is gone before the session had it, or had answered on it.
    private func lost(_ ref: Dial.PathRef, _ error: (any Error)?) {
        switch ref {
        case .circuit: feed(.circuitLost(PathLoss(error)))
        case .shot(let key):
            guard dial.isAtServer else { return }
            paths[key] = nil
            tell(.lost(key.shot, dial.hasDirectPath ? .superseded : PathLoss(error)), to: key.strategy)
        case .accepted: break
        }
    }

    func beginSession(on path: Path, with remoteInstance: InstanceID) {
        let id = SessionID.random()
        engine.remotes.receiveBudget.open(id, with: peer)
        let session = Session(
            role: .dialer, id: id, localInstance: engine.instance, remoteInstance: remoteInstance,
            isOffer: remote.beginsTentatively, configuration: engine.configuration.session,
            window: engine.remotes.receiveBudget.grow(id, to: engine.configuration.session.connectionWindow))
        let driver = SessionDriver(session, peer: peer, on: engine.eventLoop)
        self.session = driver
        let record = remote.adopt(driver, report: report, start: start, kind: path.kind)
        driver.add(path)
        record.began(on: path)
        if !isTentative { connected(driver, route: Route(path.kind)) }
        feed(.sessionBegan)
    }

    /// The called end: the dialer has begun a session on this path.
    func began(on path: Path, _ driver: SessionDriver) {
        session = driver
        feed(.opened(ref(of: path), isResumed: false))
    }

    /// The called end: the dialer goes on with a session that there is.
    func resumed(_ driver: SessionDriver, on path: Path) {
        session = driver
        feed(.opened(ref(of: path), isResumed: true))
    }

    private func ref(of path: Path) -> Dial.PathRef? { path.kind == .circuit ? .circuit : key(of: path).map { .shot($0) } }

    /// Who has a path, and looks for no more, is done.
    func concludeIfExhausted() { feed(.sessionChanged) }

    /// Ends a tentative session that has no answer yet.
    func withdraw() {
        guard isTentative, let driver = session else { return }
        session = nil
        driver.abort(code: 0, reason: "the dial was given up")
    }

    /// The remote peer did not accept the tentative session, for this reason; nil if its own session takes the place.
    func tentativeSessionFailed(_ reason: String?) {
        session = nil
        feed(.tentativeSessionFailed(reason))
    }

    /// The remote peer has accepted the session.
    func confirmed() {
        guard let session else { return }
        connected(session, route: record?.report.route ?? .circuit)
        concludeIfExhausted()
    }

    /// A path of the session is gone before the session had settled on it: there may be another.
    func lost(_ path: Path, _ error: (any Error)?) {
        guard path.kind.isDirect else { return }
        feed(.directPathLost)
        guard isMeeting else { return }
        if let key = key(of: path) {
            paths[key] = nil
            deliver(.lost(key.shot, .beforeTakeover(error?.inPlainWords ?? "")), to: key.strategy)
        }
        tell(.directPathLost)
    }

    /// A direct path carries the session.
    func settled(on path: Path?) {
        guard !isOver, !isTentative, let path else { return }
        for other in Array(paths.values) where other !== path { other.close() }
        if let key = key(of: path) { deliver(.settled(key.shot), to: key.strategy) }
        feed(.settled(remote: path.remote))
    }
}

extension PathLoss {
    /// Whether nothing has answered.
    private static func isSilent(_ error: (any Error)?) -> Bool { if case .silent? = error as? PathError { true } else { false } }

    /// Why a connection has ended, by its error.
    init(_ error: (any Error)?) {
        switch error {
        case nil: self = .closedByRemote
        case let error? where TransportError.isEndOfHandshake(error): self = .closedByRemote
        case let error? where error is NIOSSLError || error is BoringSSLError || error is PathError && !Self.isSilent(error): self = .impostor
        case let error?: self = .other(error.inPlainWords)
        }
    }
}
