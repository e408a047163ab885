import BodkinNATLab

/// One row of the table of links: the way between two peers, and how bytes go over it.
struct LinkCell: Sendable, Hashable {
    /// Who writes.
    enum Direction: String, CaseIterable, Sendable {
        case dialer, called
    }

    /// How they go.
    enum Route: String, CaseIterable, Sendable {
        case direct, circuit
    }

    /// In bits per second.
    let rate: Int
    /// Between the peers; by circuit it is twice that, because each peer is as far from the server as from the other one.
    let roundTrip: Duration
    /// Of packets on the way between the peers.
    let loss: Double
    let route: Route
    let direction: Direction

    /// The links that are measured: long fat ones, one that loses packets, and a slow one.
    static let links: [(name: String, rate: Int, roundTrip: Duration, loss: Double)] = [
        ("far", 200_000_000, .milliseconds(200), 0), ("satellite", 20_000_000, .milliseconds(600), 0),
        ("lossy", 100_000_000, .milliseconds(50), 0.005),
        ("slow", 10_000_000, .milliseconds(50), 0),
    ]

    /// The rows whose link, route or direction is among these words; where none of a kind is, all of that kind.
    static func cells(named words: [String]) -> [LinkCell] {
        let chosen = links.filter { words.contains($0.name) }
        let routes = Route.allCases.filter { words.contains($0.rawValue) }
        let directions = Direction.allCases.filter { words.contains($0.rawValue) }
        return (chosen.isEmpty ? links : chosen).flatMap { link in
            (routes.isEmpty ? Route.allCases : routes).flatMap { route in
                (directions.isEmpty ? Direction.allCases : directions).map {
                    LinkCell(rate: link.rate, roundTrip: link.roundTrip, loss: link.loss, route: route, direction: $0)
                }
            }
        }
    }

    /// Two peers without NATs, and a server, whose links have the rate each, and half of the delay and of the loss.
    func topology(seed: UInt64) -> Topology {
        let link = LinkParameters(delay: roundTrip / 2, loss: loss / 2, rate: rate, queue: queue)
        return .pair(.open, .open, link: link, seed: seed)
    }

    /// As many bytes as the way holds, as routers are told to have, and 256 KiB at least.
    private var queue: Int { max(Int(Double(rate) / 8 * (roundTrip / .seconds(1))), 256 * 1024) }

    /// As many bytes as the link takes in so many seconds.
    func byteCount(seconds: Int) -> Int { rate / 8 * seconds }
}
