import BodkinServer
import CoreMetrics
import Synchronization

/// The metrics of a server for Prometheus, which each scrape updates.
final class ServerFigures: Sendable {
    static let help = [
        "bodkin_server_registered_peers": "Registered instances of peers.",
        "bodkin_server_circuits": "Open circuits.",
        "bodkin_server_dials_total": "Dials since the start of the server.",
        "bodkin_server_relayed_bytes_total": "Relayed bytes since the start of the server, in both directions.",
    ]

    private let last = Mutex<(dials: UInt64, bytes: UInt64)>((0, 0))

    func update(_ figures: ServerStatistics) {
        Meter(label: "bodkin_server_registered_peers").set(figures.registered)
        Meter(label: "bodkin_server_circuits").set(figures.circuits)
        let fresh = last.withLock { last in
            defer { last = (figures.dials, figures.relayedBytes) }
            return (dials: figures.dials - last.dials, bytes: figures.relayedBytes - last.bytes)
        }
        Counter(label: "bodkin_server_dials_total").increment(by: fresh.dials)
        Counter(label: "bodkin_server_relayed_bytes_total").increment(by: fresh.bytes)
    }
}
