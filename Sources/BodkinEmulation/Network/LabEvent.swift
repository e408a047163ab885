/// Something that happened to a packet, or to the network, while the lab ran: a line of the timeline.
public struct LabEvent: Sendable, Hashable {
    /// The kind of event.
    public enum Action: Sendable, Hashable {
        /// A host sent it.
        case sent
        /// A box let it pass, with these endpoints from then on.
        case translated(Flow)
        /// A box let it go no further.
        case refused(Refusal, NATVerdict.Reason)
        /// A link lost it.
        case lost
        /// No route leads to its destination.
        case unroutable
        /// It reached a host.
        case delivered
        /// The network was changed, in words.
        case fault(String)
    }

    /// When, on the lab's clock.
    public var time: LabInstant
    /// The host, box or link, by name.
    public var place: String
    /// The kind of event.
    public var action: Action
    /// The packet, as it came to the place; nil for a fault.
    public var packet: PacketSummary?
}

/// The packets that crossed the network so far.
public struct NetworkCounters: Sendable, Hashable {
    /// Nothing.
    public init() {}
    /// Packets that hosts sent.
    public var sent = 0
    /// Their bytes, IP headers included.
    public var sentBytes = 0
    /// Packets that reached a host.
    public var delivered = 0
    /// Packets that links lost.
    public var lost = 0
    /// Packets that boxes refused.
    public var refused = 0
    /// Bytes from hosts that were no well-formed TCP, UDP or ICMP packet.
    public var malformed = 0
}
