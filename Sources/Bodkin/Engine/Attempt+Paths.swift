import BodkinCore
import BodkinProtocols
import BodkinTransport
import Logging
import NIOCore
import NIOSSL

/// The paths that come of an attempt, and how it ends.
extension Attempt {
    /// Follows a path through its handshake.
    func follow(_ path: Path, key: ShotKey? = nil, circuit: Bool = false) {
        if circuit {
            report.attempts.append(ConnectionReport.Attempt(route: .circuit, start: elapsed))
            circuitReportIndex = report.attempts.count - 1
        }
        let entry = key == nil ? circuitReportIndex : nil
        path.onEvent = { [weak self, unowned path] event in
            switch event {
            // Its attempt is over and gone.
            case .secured where self == nil: path.close()
            case .secured: self?.secured(path, key: key, entry: entry)
            case .closed(let error): if let key { self?.lost(key, error) } else { self?.lostCircuit(entry, error) }
            case .bytes, .readCompleted, .writabilityChanged: break
            }
        }
    }

    /// The path on a connection of ours.
    func path(on channel: any Channel) throws -> Path {
        role == .dialer
            ? try engine.factory.client(channel, kind: .direct, expecting: peer, skipping: id)
            : try engine.factory.server(channel, kind: .direct, announcing: id, admits: { [peer] in $0 == peer })
    }

    /// An accepted connection turned out to be this attempt's.
    func secured(_ path: Path, candidate: Candidate.Kind?) {
        guard phase != .over else { return path.close() }
        var entry = ConnectionReport.Attempt(route: .direct, remote: path.remote, candidate: candidate, start: elapsed)
        entry.detail = "opened by the remote peer"
        report.attempts.append(entry)
        secured(path, key: nil, entry: report.attempts.count - 1)
    }

    /// The handshake of a path has proved the remote peer. Its entry of the report is its strategy's, where `key` names one, or this one.
    private func secured(_ path: Path, key: ShotKey?, entry: Int?) {
        // The engine may be gone with it.
        guard phase != .over else { return path.close() }
        defer { if path.kind == .circuit { authenticatedByCircuit() } }
        guard role == .dialer else { return engine.awaitOpening(path, from: peer) }
        guard let remoteInstance else { return path.close() }
        if forecastQuery != nil { return }
        engine.tell(.pathEstablished(peer, Route(path.kind), remote: path.remote), since: start)
        if let key { deliver(.secured(key.shot), to: key.strategy) }
        if let entry { judge(entry, .succeeded, "") }
        guard let session else { return begin(on: path, with: remoteInstance) }
        guard needs(path.kind, for: session) else {
            if let key { deliver(.superseded(key.shot), to: key.strategy) }
            if let entry { supersede(entry) }
            path.close()
            // The path that was thought dead has answered.
            return isResumption && session.activePath?.kind == .direct && !session.isSuspect ? end() : ()
        }
        if path.kind == .direct { hasDirectPath = true }
        session.add(path)
        if path.kind == .circuit { concludeIfExhausted() }
    }

    /// One direct path is enough; and a circuit is of use only where nothing else works.
    private func needs(_ kind: PathKind, for session: SessionDriver) -> Bool {
        guard let active = session.activePath, !session.isSuspect else { return kind == .circuit || !hasDirectPath }
        return kind == .direct && active.kind != .direct && !hasDirectPath
    }

    /// The called end: the dialer has begun a session on this path.
    func began(on path: Path, _ driver: SessionDriver) {
        session = driver
        report.timeToFirstPath = elapsed
        carries(path)
        remoteAuthenticated()
    }

    /// The session is on a path: of one of ours the report says so.
    func carries(_ path: Path) {
        if path.kind == .circuit { return circuitReportIndex.map { judge($0, .succeeded, "") } ?? () }
        if let key = key(of: path) { deliver(.secured(key.shot), to: key.strategy) }
    }

    private func begin(on path: Path, with remoteInstance: InstanceID) {
        report.timeToFirstPath = elapsed
        if path.kind == .direct { hasDirectPath = true }
        let session = Session(
            role: .dialer, id: .random(), localInstance: engine.instance, remoteInstance: remoteInstance,
            isOffer: leftAlone != nil || engine.isDialed(by: peer), configuration: engine.configuration.session)
        let driver = SessionDriver(session, peer: peer, on: engine.eventLoop)
        self.session = driver
        let connection = engine.adopt(driver, report: report, start: start, kind: path.kind)
        driver.add(path)
        box?.began(on: path)
        if !isOnOffer { connected(connection, route: Route(path.kind)) }
        if isExhausted { conclude() } else { remoteAuthenticated() }
    }

    /// A connection of a strategy is gone before the session had it, or had answered on it.
    private func lost(_ key: ShotKey, _ error: (any Error)?) {
        guard phase == .meeting || phase == .dialed else { return }
        paths[key] = nil
        tell(.lost(key.shot, hasDirectPath ? .superseded : PathLoss(error)), to: key.strategy)
    }

    /// The circuit is gone before the session had it.
    private func lostCircuit(_ entry: Int?, _ error: (any Error)?) {
        guard phase == .meeting || phase == .dialed else { return }
        if let entry, hasDirectPath, report.attempts.indices.contains(entry) { return supersede(entry) }
        let loss = PathLoss(error)
        if let entry, report.attempts.indices.contains(entry), report.attempts[entry].verdict == .pending {
            judge(entry, loss == .impostor ? .impostor : .failed, loss.detail)
        }
        // The Meet was answered, and nobody is at the circuit's other end: that link has died since, and its peer will be back.
        if case .silent? = error as? PathError, entry == circuitReportIndex, role == .dialer { isLinkLost = true }
        // Where no direct path is looked for any more, the circuit was the last hope.
        guard isExhausted else { return }
        engine.eventLoop.assumeIsolated().execute { [weak self] in if let self, self.isExhausted { self.conclude() } }
    }

    /// A path of the session is gone before the session had settled on it: there may be another.
    func lost(_ path: Path, _ error: (any Error)?) {
        guard path.kind == .direct else { return }
        hasDirectPath = false
        guard phase == .meeting else { return }
        if let key = key(of: path) {
            paths[key] = nil
            deliver(.lost(key.shot, .beforeTakeover(error?.inPlainWords ?? "")), to: key.strategy)
        }
        tell(.directPathLost)
    }

    private func supersede(_ entry: Int) {
        report.attempts[entry].verdict = .superseded
        report.attempts[entry].duration = elapsed - report.attempts[entry].start
        engine.tell(.attempt(peer, report.attempts[entry]), since: start)
    }

    /// A direct path carries the session.
    func settled(on path: Path?) {
        guard phase != .over, !isOnOffer, let path else { return }
        report.route = .direct
        report.remote = path.remote
        report.timeToDirect = elapsed
        for other in Array(paths.values) where other !== path { other.close() }
        if let key = key(of: path) { deliver(.settled(key.shot), to: key.strategy) }
        if path.kind == .circuit, let circuitReportIndex { judge(circuitReportIndex, .succeeded, "") }
        for index in report.attempts.indices where report.attempts[index].verdict == .pending { supersede(index) }
        finish()
    }

    /// The instants are used up, or there is nobody to fire at.
    func conclude() {
        guard phase != .over else { return }
        hasConcluded = true
        finishStrategies()
        guard session != nil else {
            // A circuit may still be on its way.
            if engine.circuits[id] == nil, role == .dialer {
                if isLinkLost, forecastQuery == nil { return dialAnew() }
                fail(.unreachable, "No direct path to the peer was established. Allow circuits, or try another network.")
            }
            return
        }
        if isOnOffer { return }
        // Without any path, the circuit is still to be waited for.
        if isResumption, session?.activePath == nil, !isCircuitTaken, engine.circuits[id] != nil { return }
        report.route = session?.activePath.map { Route($0.kind) }
        if report.route == .circuit {
            let isSeen = engine.bindings.contains { $0.observed != nil }
            let verdict = strategies.lazy.compactMap(\.verdict).first ?? RelayVerdict(report, isWanted: isDirectWanted, isSeen: isSeen)
            report.verdict = verdict
            // A disturbance may explain it, or nothing but a circuit was looked for: a direct path is looked for again soon.
            if aim == .circuit || [.silent, .unsteady, .failed].contains(verdict) { box?.upkeep.missed() }
            // Said once, and again where the reason has become another.
            let isKnown = isResumption && box?.report.verdict == verdict
            var metadata: Logger.Metadata = [
                "peer": "\(peer)", "verdict": "\(verdict.rawValue)", "meaning": "\(verdict.meaning)", "advice": "\(verdict.advice)",
                "attempts": "\(report.attempts.map(\.description).joined(separator: "; "))",
            ]
            // Of the network here more may be known than the attempts show.
            if let recommendation = engine.networkProfile?.recommendations.first { metadata["here"] = "\(recommendation.advice)" }
            engine.configuration.logger.log(level: isKnown ? .info : .warning, "relayed", metadata: metadata)
        }
        finish()
    }

    /// Of a session that was there before, how it once came about stands.
    private func finish() {
        if isResumption {
            box?.judged(report.verdict)
        } else {
            box?.finish(report)
            engine.metrics.dialed(report)
            engine.tell(.report(report), since: start)
        }
        end()
    }
}

extension PathLoss {
    /// Why a connection has ended, by its error.
    init(_ error: (any Error)?) {
        let isSilent = if case .silent? = error as? PathError { true } else { false }
        switch error {
        case nil: self = .closedByRemote
        case let error? where TransportError.isEndOfHandshake(error): self = .closedByRemote
        case let error? where error is NIOSSLError || error is BoringSSLError || error is PathError && !isSilent: self = .impostor
        case let error?: self = .other(error.inPlainWords)
        }
    }
}
