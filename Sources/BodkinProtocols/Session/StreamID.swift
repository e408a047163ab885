/// Which stream of a session, numbered as bidirectional streams of QUIC are (RFC 9000 section 2.1).
///
/// Stream 0 is open at both ends from the start. The dialer opens 4, 8, 12, …, the called side 1, 5, 9, ….
public struct StreamID: Hashable, Sendable, CustomStringConvertible {
    /// The number on the wire.
    public let rawValue: UInt64

    /// A stream of this number.
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The default byte stream, open at both ends from the start.
    public static let initial = StreamID(rawValue: 0)

    /// "stream 4".
    public var description: String { "stream \(rawValue)" }

    /// The stream which is the `index`-th, from 0, that a role opens.
    static func opened(by role: Session.Role, index: UInt64) -> StreamID {
        StreamID(rawValue: role == .dialer ? (index + 1) * 4 : index * 4 + 1)
    }

    /// Who opens it, and as the how manieth, from 0; nil for stream 0 and for numbers of one-directional streams.
    var opening: (role: Session.Role, index: UInt64)? {
        switch rawValue & 3 {
        case 0: rawValue == 0 ? nil : (.dialer, rawValue / 4 - 1)
        case 1: (.called, rawValue / 4)
        default: nil
        }
    }
}
