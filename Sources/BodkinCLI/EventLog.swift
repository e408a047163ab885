import Bodkin
import BodkinCore
import Synchronization

/// Tells on standard error what happens: as lines for people, or as one JSON object per line.
final class EventLog: Sendable {
    /// What `ms` counts from, for events that belong to a dial.
    enum Origin: Sendable {
        /// The start of this process: for one that is there to connect.
        case process
        /// The dial.
        case dial
    }

    /// The connections with one peer that have had no report yet.
    private struct Unreported: Sendable {
        /// How many there are; below 0 where a report came before its connection.
        var count = 0
        /// The ends that wait for a report.
        var endings: [String] = []
        /// When the latest dial began.
        var start = ContinuousClock.now
    }

    private let options: OutputOptions
    private let origin: Origin
    private let unreported = Mutex<[PeerID: Unreported]>([:])

    init(_ options: OutputOptions, origin: Origin) {
        self.options = options
        self.origin = origin
    }

    /// Takes an event of the peer.
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

    /// A connection that ended before its dial was over is reported as far as it came.
    func ended(_ report: ConnectionReport) {
        guard let entry = unreported.withLock({ $0[report.peer] }), entry.count > 0 else { return }
        let elapsed = origin == .process ? ProcessStart.elapsed : ContinuousClock.now - entry.start
        show(options.isJSON ? EventLine(report).text(after: elapsed) : Narration.text(report, isVerbose: options.verbose))
        for line in settle(report.peer) { show(line) }
    }

    /// Tells something of the command's own.
    func tell(_ event: EventLine, _ words: @autoclosure () -> String) {
        show(options.isJSON ? event.text(after: ProcessStart.elapsed) : words())
    }

    /// Tells why one connection of several has failed.
    func failed(_ peer: PeerID, _ message: String) {
        tell(EventLine("failed", [("peer", .text("\(peer)")), ("message", .text(message))]), "\(Narration.short(peer)): \(message)")
    }

    /// Tells why the command has failed.
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
        case .registered, .serverLost: ProcessStart.elapsed
        default: origin == .process ? ProcessStart.elapsed : event.elapsed
        }
    }
}
