/// The size of the segments of further connections: that of the link, or a small one in a network that loses large packets silently, a path MTU black hole
/// (RFC 2923 section 2.1). It has no socket: its driver tells what the system knows of a connection that has fallen silent.
///
/// TCP cannot tell a black hole from a dead path, and Linux looks for one only where `net.ipv4.tcp_mtu_probing` is set. But a peer that dials again after a silence can
/// ask for smaller segments at no cost. One end's request suffices: its SYN binds what the remote end sends, and it bounds what it sends itself.
///
/// ```
///        a connection fell silent that may have lost its large packets
///  full ───────────────────────────────────────────────────────────────▶ small
///    ▲                                                                      │
///    └──────────────────────── the network is another one ◀─────────────────┘
/// ```
package struct SegmentSizing: Hashable, Sendable {
    /// A connection that has fallen silent although an answer was due.
    package struct Silence: Hashable, Sendable {
        /// How many bytes the remote end has acknowledged.
        package var acknowledged: UInt64
        /// How many segments wait for their acknowledgement.
        package var segmentsUnderWay: Int
        /// The largest segment that has come of late, as the system estimates it.
        package var largestReceived: Int

        /// A silence from its parts.
        package init(acknowledged: UInt64, segmentsUnderWay: Int, largestReceived: Int) {
            (self.acknowledged, self.segmentsUnderWay, self.largestReceived) = (acknowledged, segmentsUnderWay, largestReceived)
        }
    }

    /// The size of small segments in bytes: Linux' own choice in a black hole (`net.ipv4.tcp_base_mss`). With headers they fit the 1 280 bytes that every link of IPv6
    /// carries (RFC 8200 section 5).
    package static let small = 1024
    /// A connection of which so much is acknowledged has carried full segments: handshakes and first messages are less.
    package static let proof: UInt64 = 65_536

    /// The limit of further connections' segments; nil for that of the link.
    package private(set) var limit: Int?

    /// A network about which nothing is known.
    package init() {}

    /// A connection has fallen silent.
    package mutating func fellSilent(_ silence: Silence) { if Self.mayBeBlackHole(silence) { limit = Self.small } }

    /// The network is another one.
    package mutating func networkChanged() { limit = nil }

    /// Whether lost large packets would explain a silence: none has ever arrived in the direction that waits.
    private static func mayBeBlackHole(_ silence: Silence) -> Bool {
        // Where everything is acknowledged, small packets cross both ways, and the answer alone does not come.
        silence.segmentsUnderWay == 0 ? silence.largestReceived <= small : silence.acknowledged < proof
    }
}
