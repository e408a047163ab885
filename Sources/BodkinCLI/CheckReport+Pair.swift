import Bodkin
import BodkinCore
import BodkinPrediction

/// What is said of a pair.
extension CheckReport {
    /// In words.
    static func words(_ pair: PairOutlook) -> String {
        let ports =
            switch pair.told?.ports {
            case .kept?: "its mapping is kept for every destination"
            case .counted(let delta, _, _)?: "each destination sees another port of it, in steps of \(delta)"
            case .drawn(let range, _, true)?: "each destination sees another port of it, of a block of about \(range.count)"
            case .drawn?: "each destination sees another port of it, drawn at random"
            case .unknown?: "it does not know how its ports are given out"
            case nil: "it tells nothing of its ports: it is relay-only, has not found out yet, or is older than this program"
            }
        let seen = pair.told.map { ", seen as \($0.address)" } ?? ""
        var lines = ["peer \(pair.peer): answers by circuit after \(pair.time.tenths) ms\(seen); \(ports)"]
        lines.append("=> with this peer: \(words(pair.forecast))")
        if pair.sharesAddress { lines.append("   both are behind one outside address: on one link they connect by their own addresses") }
        return lines.joined(separator: "\n")
    }

    /// For programs.
    static func json(_ pair: PairOutlook) -> JSONValue {
        let kind: String? =
            switch pair.told?.ports {
            case .kept?: "kept"
            case .counted?: "counted"
            case .drawn(_, _, let isBlock)?: isBlock ? "block" : "random"
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

    /// A peer that cannot be dialled, for programs.
    static func json(_ peer: PeerID, _ failure: CommandFailure) -> JSONValue {
        .object([("id", .text("\(peer)")), ("reachable", .flag(false)), ("message", .text(failure.message))])
    }
}
