import BodkinProtocols
import Synchronization

/// What attackers have done, and what the server has answered: whether an attack is what it is called.
final class AttackTally: Sendable {
    private struct Counts {
        var sent = 0
        var connections = 0
        var heard: [String: Int] = [:]
    }

    private let counts = Mutex(Counts())

    func connected() { counts.withLock { $0.connections += 1 } }

    func sent(_ count: Int) { counts.withLock { $0.sent += count } }

    func heard(_ body: WireEnvelope.OneOf_Body?) {
        let name =
            switch body {
            case .failure(let failure): "failure \(failure.code)"
            case .dialFailed(let failure): "dial-failed \(failure.reason)"
            case .circuitClose(let close): "circuit-close \(close.reason)"
            case .dialPending: "dial-pending"
            case .meet: "meet"
            case .registered: "registered"
            case .pong: "pong"
            default: "other messages"
            }
        counts.withLock { $0.heard[name, default: 0] += 1 }
    }

    /// One line.
    var words: String {
        counts.withLock { counts in
            let heard = counts.heard.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            return "\(counts.connections) connections, \(counts.sent) messages; heard \(heard.isEmpty ? "nothing" : heard.joined(separator: ", "))"
        }
    }
}
