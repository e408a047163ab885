import BodkinProtocols
import BodkinServer
import CoreMetrics
import Synchronization

/// What a server counts, for Prometheus: brought up to date when it is asked for.
final class ServerFigures: Sendable {
    static let help = [
        "bodkin_server_registered_peers": "Instances of peers that are registered.",
        "bodkin_server_circuits": "Circuits that are open.",
        "bodkin_server_dials_total": "Dials since the start.",
        "bodkin_server_relayed_bytes_total": "Bytes relayed since the start, both directions together.",
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
