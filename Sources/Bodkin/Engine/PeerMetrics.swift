import BodkinCore
import BodkinProtocols
import CoreMetrics

/// The metrics of a peer, which it reports through swift-metrics. No metric names a remote peer, because who connects to whom is private.
struct PeerMetrics {
    /// The help text of each metric.
    static let help = [
        "bodkin_dials_total": "Dials by and to this peer, by the resulting route: direct, turn, circuit or none.",
        "bodkin_relayed_dials_total": "Dials that ended on a circuit or a TURN path, by verdict.",
        "bodkin_time_to_first_path_seconds": "Time from a dial to its first path, in seconds.",
        "bodkin_time_to_direct_seconds": "Time from a dial to its direct path, in seconds.",
        "bodkin_path_failures_total": "Paths that failed while they carried a connection, by route.",
        "bodkin_fallbacks_total": "Connections that moved from a direct path to a circuit or a TURN path.",
        "bodkin_upgrades_total": "Connections that moved from a circuit or a TURN path to a direct path.",
        "bodkin_relayed_bytes_total": "Encrypted bytes on circuits, in both directions.",
        "bodkin_connections": "Open connections, by their current route: direct, turn, circuit or none.",
    ]

    private let dials: [Route?: Counter]
    private let timeToFirstPath = Timer(label: "bodkin_time_to_first_path_seconds")
    private let timeToDirect = Timer(label: "bodkin_time_to_direct_seconds")
    private let failures: [Route: Counter]
    private let fallbacks = Counter(label: "bodkin_fallbacks_total")
    private let upgrades = Counter(label: "bodkin_upgrades_total")
    private let relayedBytes = Counter(label: "bodkin_relayed_bytes_total")
    private let connections: [Route?: Meter]

    init() {
        func name(_ route: Route?) -> [(String, String)] { [("route", route?.rawValue ?? "none")] }
        let routes: [Route?] = [.direct, .turn, .circuit, nil]
        dials = Dictionary(uniqueKeysWithValues: routes.map { ($0, Counter(label: "bodkin_dials_total", dimensions: name($0))) })
        failures = Dictionary(
            uniqueKeysWithValues: routes.compactMap { $0 }.map { ($0, Counter(label: "bodkin_path_failures_total", dimensions: name($0))) })
        connections = Dictionary(uniqueKeysWithValues: routes.map { ($0, Meter(label: "bodkin_connections", dimensions: name($0))) })
    }

    /// Counts a dial that has ended, by or to this peer.
    func dialed(_ report: ConnectionReport) {
        dials[report.route]?.increment()
        if report.route != .direct, let verdict = report.verdict {
            Counter(label: "bodkin_relayed_dials_total", dimensions: [("verdict", verdict.rawValue)]).increment()
        }
        if let time = report.timeToFirstPath { timeToFirstPath.recordNanoseconds(Int64(time / .nanoseconds(1))) }
        if let time = report.timeToDirect { timeToDirect.recordNanoseconds(Int64(time / .nanoseconds(1))) }
    }

    /// Counts a path that has failed while it carried a connection.
    func lostPath(_ kind: PathKind) { failures[Route(kind)]?.increment() }

    /// Counts a connection that has moved from one route to another.
    func moved(from old: Route?, to new: Route) {
        guard let old, old != new else { return }
        if old == .direct { fallbacks.increment() }
        if new == .direct { upgrades.increment() }
    }

    /// Counts bytes that a circuit has carried.
    func relayed(_ count: Int) { relayedBytes.increment(by: count) }

    /// Records the current route of each open connection.
    func carried(by routes: [Route?]) { for (route, meter) in connections { meter.set(routes.count { $0 == route }) } }
}

extension Route {
    /// The route of a connection whose active path is of this kind.
    init(_ kind: PathKind) { self = kind == .turn ? .turn : kind.isDirect ? .direct : .circuit }
}
