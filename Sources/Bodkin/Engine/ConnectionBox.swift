import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// What a ``Connection`` stands for, on its event loop.
final class ConnectionBox {
    let driver: SessionDriver
    let start: NIODeadline
    private(set) var report: ConnectionReport
    /// What it needs so that it has a path.
    var upkeep: Upkeep
    /// When that is looked at next.
    var tending: OneShot?
    /// When the far side last asked for another path.
    var recalledAt: NIODeadline?
    /// When another path was last looked for because an answer was late.
    var doubtedAt: NIODeadline?
    /// Paths of a session that the far side has begun itself: they wait, at most as long as any opening.
    var contenders: [UnopenedPath] = []
    private(set) var isSettled = false
    private var settlers: [ObjectIdentifier: EventLoopPromise<ConnectionReport>] = [:]

    init(_ driver: SessionDriver, report: ConnectionReport, start: NIODeadline, upkeep: Upkeep) {
        self.driver = driver
        self.upkeep = upkeep
        self.report = report
        self.start = start
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
        // The next one has its own doubts.
        doubtedAt = nil
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
        tending?.cancel()
        settle()
    }

    private func settle() {
        isSettled = true
        for promise in settlers.values { promise.succeed(report) }
        settlers = [:]
    }

    /// The report, once nothing is tried any more.
    func settled(for call: ObjectIdentifier) -> EventLoopFuture<ConnectionReport> {
        guard !isSettled else { return driver.eventLoop.makeSucceededFuture(report) }
        let promise = driver.eventLoop.makePromise(of: ConnectionReport.self)
        settlers[call] = promise
        return promise.futureResult
    }

    func cancelSettled(for call: ObjectIdentifier) { settlers.removeValue(forKey: call)?.fail(CancellationError()) }

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
