import Bodkin
import BodkinCore
import BodkinPrediction

/// The assessment of a pair, for people and as JSON.
extension CheckReport {
    /// Returns the assessment in sentences.
    static func words(_ pair: PairAssessment) -> String {
        let seen = pair.told.map { ", and the server sees it at \($0.address)" } ?? ""
        var lines = ["Peer \(pair.peer) answered over a circuit after \(pair.time.tenths) ms\(seen). \(ports(pair.told?.ports))"]
        lines.append("Connection to this peer: \(words(pair.forecast))")
        if pair.sharesAddress {
            lines.append("   Both peers share one external address. On the same link they connect through their host candidates.")
        }
        return lines.joined(separator: "\n")
    }

    private static func ports(_ ports: PortForecast.Ports?) -> String {
        switch ports {
        case .fixed?: "Its NAT uses one mapping for every destination."
        case .sequential(let delta, _, _)?: "Its NAT allocates a new port for each destination, in steps of \(delta)."
        case .random(let range, _, true)?: "Its NAT allocates a random port for each destination, from a block of about \(range.count) ports."
        case .random?: "Its NAT allocates a random port for each destination."
        case .unknown?: "Its port allocation is unknown."
        case nil: "It sent no forecast of its ports, because it uses only circuits, has not measured yet, or runs an older version."
        }
    }

    /// Returns the assessment as JSON.
    static func json(_ pair: PairAssessment) -> JSONValue {
        let kind: String? =
            switch pair.told?.ports {
            case .fixed?: "fixed"
            case .sequential?: "sequential"
            case .random(_, _, let isBlock)?: isBlock ? "block" : "random"
            case .unknown?: "unknown"
            case nil: nil
            }
        return .object(
            [
                ("id", .text("\(pair.peer)")), ("reachable", .flag(true)), ("answered_ms", .milliseconds(pair.time)),
                ("ports", kind.map { .text($0) } ?? .null), ("outside", pair.told.map { .text("\($0.address)") } ?? .null),
                ("shares_address", .flag(pair.sharesAddress)),
            ] + members(pair.forecast))
    }

    /// Returns the JSON of a peer that cannot be dialed.
    static func json(_ peer: PeerID, _ failure: CommandFailure) -> JSONValue {
        .object([("id", .text("\(peer)")), ("reachable", .flag(false)), ("message", .text(failure.message))])
    }
}
