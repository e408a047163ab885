import Bodkin
import BodkinCore
import Synchronization

/// A log of events on standard error: lines for people, or one JSON object per line.
final class EventLog: Sendable {
    /// The start of `ms` for the events of a dial.
    enum Origin: Sendable {
        /// The start of this process, as in `bodkin connect`.
        case process
        /// The start of the dial.
        case dial
    }

    /// The connections with one peer that have no report yet.
    private struct Unreported: Sendable {
        /// The number of connections; negative if a report precedes its connection.
        var count = 0
        /// The `closed` lines that wait for a report.
        var endings: [String] = []
        /// The start of the latest dial.
        var start = ContinuousClock.now
    }

    private let options: OutputOptions
    private let origin: Origin
    private let unreported = Mutex<[PeerID: Unreported]>([:])

    init(_ options: OutputOptions, origin: Origin) {
        self.options = options
        self.origin = origin
    }

    /// Writes an event of the peer.
    func take(_ event: PeerEvent) {
        let elapsed = elapsed(of: event)
        let line = options.isJSON ? EventLine(event).text(after: elapsed) : Narration.line(event, after: elapsed, isVerbose: options.verbose)
        switch event.kind {
        case .connected(let peer, _):
            let start = ContinuousClock.now - event.elapsed
            unreported.withLock { table in
                var entry = table[peer] ?? Unreported()
                entry.count += 1
                entry.start = start
                table[peer] = entry.count == 0 ? nil : entry
            }
            show(line)
        case .report(let report):
            show(line)
            for line in settle(report.peer) { show(line) }
        case .closed(let peer, _):
            // A connection's report precedes its end.
            let isHeld = unreported.withLock { table in
                guard let line, let entry = table[peer], entry.count > 0 else { return false }
                table[peer]?.endings.append(line)
                return true
            }
            if !isHeld { show(line) }
        default: show(line)
        }
    }

    /// Writes the report of a connection that ended before its dial was over.
    func ended(_ report: ConnectionReport) {
        guard let entry = unreported.withLock({ $0[report.peer] }), entry.count > 0 else { return }
        let elapsed = origin == .process ? ProcessStart.elapsed : ContinuousClock.now - entry.start
        show(options.isJSON ? EventLine(report).text(after: elapsed) : Narration.text(report, isVerbose: options.verbose))
        for line in settle(report.peer) { show(line) }
    }

    /// Writes an event of the command itself.
    func tell(_ event: EventLine, _ words: @autoclosure () -> String) {
        show(options.isJSON ? event.text(after: ProcessStart.elapsed) : words())
    }

    /// Writes the error of one connection of several.
    func failed(_ peer: PeerID, _ message: String) {
        tell(EventLine("failed", [("peer", .text("\(peer)")), ("message", .text(message))]), "\(Narration.short(peer)): \(message)")
    }

    /// Writes what a connection waits for at its end.
    func waits(for wait: StreamPump.Wait, of peer: PeerID) {
        let words =
            switch wait {
            case .input: "The remote peer has sent everything. Waiting for the end of standard input (--receive-only does not wait for it)."
            case .remoteEnd: "Everything is sent. Waiting for the remote peer to end its side (--send-only does not wait for it)."
            case .remoteRead: "Everything is sent. Waiting until the remote peer has read it."
            }
        tell(EventLine("waiting", [("peer", .text("\(peer)")), ("for", .text(wait.rawValue))]), words)
    }

    /// Writes that nobody reads standard output; only as an event, because the shell tells people.
    func brokenOutput() {
        guard options.isJSON else { return }
        show(EventLine.error(status: BrokenOutput.status, message: "Nobody reads standard output.").text(after: ProcessStart.elapsed))
    }

    /// Writes the error of the command.
    func fail(_ failure: CommandFailure, command: String) {
        show(
            options.isJSON
                ? EventLine.error(status: failure.status, message: failure.message).text(after: ProcessStart.elapsed)
                : "bodkin \(command): \(options.verbose ? failure.details : failure.message)")
    }

    private func show(_ line: String?) {
        if let line { printError(line) }
    }

    private func settle(_ peer: PeerID) -> [String] {
        unreported.withLock { table in
            var entry = table[peer] ?? Unreported()
            let endings = entry.endings
            entry.count -= 1
            entry.endings = []
            table[peer] = entry.count == 0 ? nil : entry
            return endings
        }
    }

    private func elapsed(of event: PeerEvent) -> Duration {
        switch event.kind {
        case .registered, .serverLost, .awaitingServer: ProcessStart.elapsed
        default: origin == .process ? ProcessStart.elapsed : event.elapsed
        }
    }
}
