import Bodkin
import BodkinCore

/// One line of `--events json`: the name, time and members of an event. docs/events.md describes every event.
struct EventLine: Sendable {
    /// The name of the event.
    var name: String
    /// The members, in the order of the line.
    var fields: [(String, JSONValue)]

    init(_ name: String, _ fields: [(String, JSONValue)] = []) {
        self.name = name
        self.fields = fields
    }

    /// Creates the line of a peer's event.
    init(_ event: PeerEvent) {
        switch event.kind {
        case .registered(let observed): self.init("registered", [("observed", .list(observed.map { .text("\($0)") }))])
        case .waiting(let peer): self.init("waiting", [("peer", .text("\(peer)")), ("for", .text("peer"))])
        case .dialing(let peer): self.init("dialing", [("peer", .text("\(peer)"))])
        case .attempt(let peer, let attempt): self.init("attempt", [("peer", .text("\(peer)"))] + Self.members(attempt))
        case .pathEstablished(let peer, let route, let remote):
            self.init("path-established", [("peer", .text("\(peer)")), ("route", .text(route.rawValue))] + Self.optional("remote", remote))
        case .connected(let peer, let route): self.init("connected", [("peer", .text("\(peer)")), ("route", .text(route.rawValue))])
        case .pathLost(let peer, let route, let reason):
            self.init("path-lost", [("peer", .text("\(peer)")), ("route", .text(route.rawValue)), ("reason", .text(reason))])
        case .pathChanged(let peer, let route, let remote):
            self.init("path-changed", [("peer", .text("\(peer)")), ("route", .text(route.rawValue))] + Self.optional("remote", remote))
        case .report(let report): self.init(report)
        case .closed(let peer, let reason): self.init("closed", [("peer", .text("\(peer)")), ("reason", .text(reason))])
        case .serverLost(let reason): self.init("server-lost", [("reason", .text(reason))])
        case .awaitingServer(let reason): self.init("waiting", [("for", .text("server")), ("reason", .text(reason))])
        case .networkProfiled(let profile): self.init("network-profiled", CheckReport(profile).members)
        case .missed(let count): self.init("missed", [("count", .integer(count))])
        }
    }

    /// Creates the line of a dial's report.
    init(_ report: ConnectionReport) {
        var fields: [(String, JSONValue)] = [("peer", .text("\(report.peer)")), ("route", report.route.map { .text($0.rawValue) } ?? .null)]
        fields += Self.optional("remote", report.remote)
        fields += report.verdict.map { [("verdict", .text($0.rawValue))] } ?? []
        fields += Self.optional("first_path_ms", report.timeToFirstPath)
        fields += Self.optional("direct_ms", report.timeToDirect)
        fields.append(("rounds", .integer(report.rounds)))
        fields.append(("attempts", .list(report.attempts.map { .object(Self.members($0)) })))
        self.init("report", fields)
    }

    /// Returns the line of a failed command.
    static func error(status: Int32, message: String) -> EventLine {
        EventLine("error", [("status", .integer(Int(status))), ("message", .text(message))])
    }

    /// Returns the text, `elapsed` after the dial or the start.
    func text(after elapsed: Duration) -> String {
        JSONValue.object([("event", .text(name)), ("ms", .milliseconds(elapsed))] + fields).line
    }

    private static func members(_ attempt: ConnectionReport.Attempt) -> [(String, JSONValue)] {
        var fields: [(String, JSONValue)] = [("route", .text(attempt.route.rawValue))]
        fields += optional("remote", attempt.remote)
        fields += attempt.candidate.map { [("candidate", .text($0.rawValue))] } ?? []
        fields.append(("start_ms", .milliseconds(attempt.start)))
        fields += optional("duration_ms", attempt.duration)
        fields += attempt.round.map { [("round", .integer($0))] } ?? []
        fields += [("syns", .integer(attempt.shots)), ("verdict", .text(attempt.verdict.rawValue))]
        return attempt.detail.isEmpty ? fields : fields + [("detail", .text(attempt.detail))]
    }

    private static func optional(_ name: String, _ endpoint: Endpoint?) -> [(String, JSONValue)] {
        endpoint.map { [(name, .text("\($0)"))] } ?? []
    }

    private static func optional(_ name: String, _ duration: Duration?) -> [(String, JSONValue)] {
        duration.map { [(name, .milliseconds($0))] } ?? []
    }
}
