public import BodkinCore

/// The endpoints a packet leaves a NAT with.
public struct Translation: Sendable, Hashable {
    /// The new source.
    public var source: Endpoint
    /// The new destination.
    public var destination: Endpoint
    /// For an ICMP error, the flow that it quotes from now on.
    public var quoted: Flow?

    /// A translation from its parts.
    public init(source: Endpoint, destination: Endpoint, quoted: Flow? = nil) {
        self.source = source
        self.destination = destination
        self.quoted = quoted
    }
}

/// The decision of a NAT about a packet.
public enum NATVerdict: Sendable, Hashable {
    /// It goes on in its direction, translated.
    case passed(Translation)
    /// It came from inside for an external endpoint and goes back inside (RFC 4787 section 6).
    case turnedBack(Translation)
    /// It goes no further; the sender gets `Refusal`.
    case refused(Refusal, Reason)

    /// Why a packet went no further.
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        /// No session and no mapping lets it in.
        case unsolicited
        /// A mapping exists, but its filter does not know the sender.
        case filtered
        /// A SYN met a SYN, and this box passes only SYN-ACKs.
        case simultaneousOpenRefused = "simultaneous open refused"
        /// From inside, in the middle of a connection the box does not know.
        case midstream = "unknown connection"
        /// The transport or the port is not allowed out.
        case forbidden
        /// No port or no room for another session.
        case exhausted
        /// An error or fragment that belongs to nothing known.
        case stray
    }
}
