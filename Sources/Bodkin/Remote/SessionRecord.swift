import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// What a ``Connection`` stands for, on its event loop.
final class SessionRecord {
    let driver: SessionDriver
    let start: NIODeadline
    private(set) var report: ConnectionReport
    /// The start, as machines count it.
    let startInstant: Instant
    private(set) var isSettled = false
    private var completionWaiters: [ObjectIdentifier: EventLoopPromise<ConnectionReport>] = [:]

    init(_ driver: SessionDriver, report: ConnectionReport, start: NIODeadline, clock: PeerClock) {
        self.driver = driver
        self.report = report
        self.start = start
        startInstant = Instant(sinceStart: .nanoseconds((start - clock.start).nanoseconds))
    }

    /// The session, as far as it concerns the rest of what there is with its remote peer.
    var state: Remote.SessionState {
        Remote.SessionState(
            id: driver.id, role: driver.role, instance: driver.remoteInstance, start: startInstant, generation: driver.generation,
            activePath: driver.activePath?.kind, pathCount: driver.pathCount, isConfirmed: driver.isConfirmed, isOffer: driver.isOffer,
            isDoubted: driver.isDoubted, isClosing: driver.isClosing)
    }

    /// The session's claim to one of the places for sessions.
    func claim(isListed: Bool) -> Share<SessionID>.Claim {
        let wealth = isListed ? ClaimWealth.listed : driver.isUsed && driver.activePath != nil ? .used : .proved
        return Share.Claim(id: driver.id, peer: driver.peer, wealth: wealth, start: startInstant)
    }

    var elapsed: Duration { .nanoseconds((driver.eventLoop.now - start).nanoseconds) }

    /// The first path.
    func began(on path: Path) {
        report.timeToFirstPath = report.timeToFirstPath ?? elapsed
        note(path)
    }

    /// Another path carries the session now.
    func tookOver(_ path: Path) { note(path) }

    /// The path that carried it is dead.
    func lostPath() { report.pathDeaths += 1 }

    /// Why it is relayed: found out once more.
    func judged(_ verdict: RelayVerdict?) { report.verdict = verdict }

    private func note(_ path: Path) {
        report.route = Route(path.kind)
        report.remote = path.remote
        if path.kind.isDirect {
            report.verdict = nil
            report.timeToDirect = report.timeToDirect ?? elapsed
        }
    }

    /// The dial is over, with all that is to be known of it.
    func finish(_ report: ConnectionReport) {
        let route = self.report
        self.report = report
        self.report.pathDeaths = route.pathDeaths
        self.report.timeToFirstPath = route.timeToFirstPath ?? report.timeToFirstPath
        self.report.timeToDirect = route.timeToDirect ?? report.timeToDirect
        settle()
    }

    /// The session is over: nothing will improve any more.
    func closed(_ reason: SessionCloseReason) {
        settle()
    }

    private func settle() {
        isSettled = true
        for promise in completionWaiters.values { promise.succeed(report) }
        completionWaiters = [:]
    }

    /// The report, once nothing is tried any more.
    func settled(for call: ObjectIdentifier) -> EventLoopFuture<ConnectionReport> {
        guard !isSettled else { return driver.eventLoop.makeSucceededFuture(report) }
        let promise = driver.eventLoop.makePromise(of: ConnectionReport.self)
        completionWaiters[call] = promise
        return promise.futureResult
    }

    func cancelSettled(for call: ObjectIdentifier) { completionWaiters.removeValue(forKey: call)?.fail(CancellationError()) }

    static func text(of reason: SessionCloseReason) -> String {
        switch reason {
        case .local: "closed by the local peer"
        case .remote(let code, let text): "closed by the remote peer (code \(code)\(text.isEmpty ? "" : ", \(text)"))"
        case .protocolError(let error): "\(error)"
        case .remoteProtocolError(let code, let text): "the remote peer reports a protocol error (code \(code), \(text))"
        case .failed(let text): text
        }
    }
}
