import BodkinCore
import BodkinProtocols
import CoreMetrics

/// What a peer counts through swift-metrics. Nothing is kept by peer: who connects to whom is nobody's business.
struct PeerMetrics {
    /// The help text of each metric.
    static let help = [
        "bodkin_dials_total": "Dials by and to this peer, by the resulting route: direct, circuit or none.",
        "bodkin_relayed_dials_total": "Dials that ended on a circuit, by verdict.",
        "bodkin_time_to_first_path_seconds": "Time from a dial to its first path, in seconds.",
        "bodkin_time_to_direct_seconds": "Time from a dial to its direct path, in seconds.",
        "bodkin_path_failures_total": "Paths that failed while they carried a connection, by route.",
        "bodkin_fallbacks_total": "Connections that moved from a direct path to a circuit.",
        "bodkin_upgrades_total": "Connections that moved from a circuit to a direct path.",
        "bodkin_relayed_bytes_total": "Encrypted bytes on circuits, in both directions.",
        "bodkin_connections": "Open connections, by their current route: direct, circuit or none.",
    ]

    private let dials: [Route?: Counter]
    private let timeToFirstPath = Timer(label: "bodkin_time_to_first_path_seconds")
    private let timeToDirect = Timer(label: "bodkin_time_to_direct_seconds")
    private let deaths: [Route: Counter]
    private let fallbacks = Counter(label: "bodkin_fallbacks_total")
    private let upgrades = Counter(label: "bodkin_upgrades_total")
    private let relayedBytes = Counter(label: "bodkin_relayed_bytes_total")
    private let connections: [Route?: Meter]

    init() {
        func name(_ route: Route?) -> [(String, String)] { [("route", route?.rawValue ?? "none")] }
        let routes: [Route?] = [.direct, .circuit, nil]
        dials = Dictionary(uniqueKeysWithValues: routes.map { ($0, Counter(label: "bodkin_dials_total", dimensions: name($0))) })
        deaths = Dictionary(
            uniqueKeysWithValues: routes.compactMap { $0 }.map { ($0, Counter(label: "bodkin_path_failures_total", dimensions: name($0))) })
        connections = Dictionary(uniqueKeysWithValues: routes.map { ($0, Meter(label: "bodkin_connections", dimensions: name($0))) })
    }

    /// A dial, ours or another's, is over.
    func dialed(_ report: ConnectionReport) {
        dials[report.route]?.increment()
        if report.route == .circuit, let verdict = report.verdict {
            Counter(label: "bodkin_relayed_dials_total", dimensions: [("verdict", verdict.rawValue)]).increment()
        }
        if let time = report.timeToFirstPath { timeToFirstPath.recordNanoseconds(Int64(time / .nanoseconds(1))) }
        if let time = report.timeToDirect { timeToDirect.recordNanoseconds(Int64(time / .nanoseconds(1))) }
    }

    /// A path has died under a connection.
    func lostPath(_ kind: PathKind) { deaths[Route(kind)]?.increment() }

    /// A connection has moved from one kind of path to another.
    func moved(from old: Route?, to new: Route) {
        if old == .direct, new == .circuit { fallbacks.increment() }
        if old == .circuit, new == .direct { upgrades.increment() }
    }

    /// Bytes have gone through a circuit.
    func relayed(_ count: Int) { relayedBytes.increment(by: count) }

    /// What carries the connections that there are.
    func carried(by routes: [Route?]) { for (route, meter) in connections { meter.set(routes.count { $0 == route }) } }
}

extension Route {
    /// What a path of this kind makes the route.
    init(_ kind: PathKind) { self = kind == .direct ? .direct : .circuit }
}
