/// Which path of a session: a number that the driver gives, never used twice in a session, never on the wire.
package struct PathID: Hashable, Sendable, CustomStringConvertible {
    /// The number.
    package let rawValue: UInt64

    /// A path of this number.
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// "path 3".
    package var description: String { "path \(rawValue)" }
}

/// What a path runs over. What it is called on the wire and what is preferred are two things, so that other kinds can follow.
package struct PathKind: Hashable, Sendable {
    /// Relayed by the rendezvous server.
    package static let circuit = PathKind(wireCode: 0, preference: 10, isRelayed: true)
    /// By a TURN relay, or two.
    package static let turn = PathKind(wireCode: 2, preference: 50, isRelayed: true)
    /// A TCP connection between the two peers.
    package static let tcp = PathKind(wireCode: 1, preference: 100, isRelayed: false)
    /// Every kind that there is.
    static let all = [circuit, turn, tcp]

    /// Its code in OPEN (docs/wire.md).
    package let wireCode: UInt8
    /// The greater one is preferred.
    package let preference: UInt8
    /// Whether the bytes go by way of a server or a relay.
    package let isRelayed: Bool
    /// Whether the bytes go from peer to peer.
    package var isDirect: Bool { !isRelayed }

    /// The kind of that code on the wire; nil where there is none.
    package init?(wireCode: UInt8) {
        guard let kind = Self.all.first(where: { $0.wireCode == wireCode }) else { return nil }
        self = kind
    }

    private init(wireCode: UInt8, preference: UInt8, isRelayed: Bool) {
        (self.wireCode, self.preference, self.isRelayed) = (wireCode, preference, isRelayed)
    }
}
