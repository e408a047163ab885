/// Which path of a session: a number that the driver gives, never used twice in a session, never on the wire.
public struct PathID: Hashable, Sendable, CustomStringConvertible {
    /// The number.
    public let rawValue: UInt64

    /// A path of this number.
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// "path 3".
    public var description: String { "path \(rawValue)" }
}

/// What a path runs over; the greater one is preferred.
public enum PathKind: UInt8, Sendable, Comparable, CaseIterable {
    /// Relayed by the rendezvous server.
    case circuit = 0
    /// A TCP connection between the two peers.
    case direct = 1

    /// By preference.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
