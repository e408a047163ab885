/// Why a path will carry nothing more (the payload of PATH_CLOSE).
package enum PathCloseReason: Hashable, Sendable {
    /// Another path took over, or the path is not needed any more.
    case superseded
    /// The session is over.
    case sessionEnded
    /// The remote peer broke the protocol on this path.
    case protocolError
    /// The path was opened to resume a session that the sender does not know.
    case unknownSession
    /// The path is not wanted: another instance, too many sessions, or policy.
    case refused
    /// A reason that this version does not know.
    case other(UInt64)

    var wireCode: UInt64 {
        switch self {
        case .superseded: 0
        case .sessionEnded: 1
        case .protocolError: 2
        case .unknownSession: 3
        case .refused: 4
        case .other(let code): code
        }
    }

    /// The reason of this code on the wire.
    package init(wireCode: UInt64) {
        let known: [Self] = [.superseded, .sessionEnded, .protocolError, .unknownSession, .refused]
        self = wireCode < UInt64(known.count) ? known[Int(wireCode)] : .other(wireCode)
    }

    /// Whether a path ends so without anything being wrong.
    var isOrderly: Bool { self == .superseded || self == .sessionEnded }
}
