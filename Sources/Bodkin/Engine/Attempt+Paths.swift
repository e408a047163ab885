import BodkinCore
import BodkinProtocols
import BodkinTransport
import Logging
import NIOCore
import NIOSSL

/// The paths that come of an attempt, and how it ends.
extension Attempt {
    /// Follows a path through its handshake.
    func follow(_ path: Path, target: Int? = nil, circuit: Bool = false) {
        if circuit {
            report.attempts.append(ConnectionReport.Attempt(route: .circuit, start: elapsed))
            circuitReportIndex = report.attempts.count - 1
        }
        let entry = target.map { targets[$0].reportIndex } ?? circuitReportIndex
        path.onEvent = { [weak self, unowned path] event in
            switch event {
            case .secured: self?.secured(path, entry: entry)
            case .closed(let error): self?.lost(target, entry, error)
            case .bytes, .readCompleted, .writabilityChanged: break
            }
        }
    }

    /// An accepted connection turned out to be this attempt's.
    func secured(_ path: Path, candidate: Candidate.Kind?) {
        var entry = ConnectionReport.Attempt(route: .direct, remote: path.remote, candidate: candidate, start: elapsed)
        entry.detail = "opened by the far side"
        report.attempts.append(entry)
        secured(path, entry: report.attempts.count - 1)
    }

    private func secured(_ path: Path, entry: Int?) {
        guard role == .dialler else { return engine.awaitOpening(path, from: peer) }
        guard phase != .over, let remoteInstance else { return path.close() }
        engine.tell(.path(peer, path.kind == .circuit ? .circuit : .direct, remote: path.remote), since: start)
        if let entry { judge(entry, .succeeded, "") }
        guard let session else { return begin(on: path, with: remoteInstance) }
        // One direct path is enough; and a circuit is of no use beside one.
        guard session.activePath?.kind != .direct, path.kind == .direct, !hasDirectPath else {
            if let entry { supersede(entry) }
            return path.close()
        }
        hasDirectPath = true
        session.add(path)
    }

    /// The called end: the dialler has begun a session on this path.
    func began(on path: Path, _ driver: SessionDriver) {
        session = driver
        report.timeToFirstPath = elapsed
        let entry = path.kind == .circuit ? circuitReportIndex : targets.first { $0.path === path }?.reportIndex
        if let entry { judge(entry, .succeeded, "") }
        fireVolleys()
    }

    private func begin(on path: Path, with remoteInstance: InstanceID) {
        report.timeToFirstPath = elapsed
        if path.kind == .direct { hasDirectPath = true }
        let session = Session(
            role: .dialler, id: .random(), localInstance: engine.instance, remoteInstance: remoteInstance,
            configuration: engine.configuration.session)
        let driver = SessionDriver(session, peer: peer, on: engine.eventLoop)
        self.session = driver
        let connection = engine.adopt(driver, report: report, start: start)
        driver.add(path)
        box?.began(on: path)
        connected(connection, route: path.kind == .direct ? .direct : .circuit)
        if isExhausted { conclude() } else { fireVolleys() }
    }

    private func lost(_ target: Int?, _ entry: Int?, _ error: (any Error)?) {
        guard phase == .meeting || phase == .dialled else { return }
        if let entry, hasDirectPath, report.attempts.indices.contains(entry) { return supersede(entry) }
        let isImpostor = error is NIOSSLError || error is BoringSSLError || error is PathError
        let isEnd = error.map { TransportError.isEndOfHandshake($0) } ?? true
        if let entry, report.attempts.indices.contains(entry), report.attempts[entry].verdict == .pending || target != nil {
            judge(
                entry, isImpostor && !isEnd ? .impostor : .failed,
                isEnd ? "closed by the far side" : isImpostor ? "who answered is not the peer" : error.map { "\($0)" } ?? "")
        }
        guard let target else {
            // Where no direct path is looked for any more, the circuit was the last hope.
            if isExhausted { engine.eventLoop.assumeIsolated().execute { [weak self] in self?.conclude() } }
            return
        }
        targets[target].path = nil
        schedule?.lost(target)
        arm()
    }

    /// A path of the session is gone before the session had settled on it: there may be another.
    func lost(_ path: Path) {
        guard phase == .meeting, path.kind == .direct, let index = targets.firstIndex(where: { $0.path === path }) else { return }
        hasDirectPath = false
        targets[index].path = nil
        judge(targets[index].reportIndex, .failed, "lost before the connection had moved to it")
        schedule?.lost(index)
        arm()
    }

    private func supersede(_ entry: Int) {
        report.attempts[entry].verdict = .superseded
        report.attempts[entry].duration = elapsed - report.attempts[entry].start
        engine.tell(.attempt(peer, report.attempts[entry]), since: start)
    }

    /// A direct path carries the session.
    func settled(on path: Path?) {
        guard phase != .over, let path else { return }
        report.route = .direct
        report.remote = path.remote
        report.timeToDirect = elapsed
        for target in targets where target.path !== path { target.path?.close() }
        let winner = targets.first { $0.path === path }
        if let winner { judge(winner.reportIndex, .succeeded, "") }
        for index in report.attempts.indices where report.attempts[index].verdict == .pending { supersede(index) }
        finish()
    }

    /// What has no answer by now will have none.
    func judgePending() {
        for target in targets where report.attempts[target.reportIndex].verdict == .pending { judge(target.reportIndex, .silent, "") }
    }

    /// The instants are used up, or there is nobody to fire at.
    func conclude() {
        guard phase != .over else { return }
        isExhausted = true
        judgePending()
        for index in targets.indices { abandon(index)?.close(promise: nil) }
        guard session != nil else {
            // A circuit may still be on its way.
            if engine.circuits[id] == nil, role == .dialler {
                fail(.unreachable, "no direct path to the peer: allow circuits (no --direct-only), or try from another network")
            }
            return
        }
        report.route = .circuit
        engine.configuration.logger.warning(
            "relayed", metadata: ["peer": "\(peer)", "attempts": "\(report.attempts.map(\.description).joined(separator: "; "))"])
        finish()
    }

    private func finish() {
        box?.finish(report)
        engine.tell(.report(report), since: start)
        end()
    }
}
