/// How an internal endpoint is given an external one (RFC 4787 section 4.1).
public enum Mapping: String, Sendable, Hashable, CaseIterable {
    /// One mapping whatever the destination: EIM.
    case endpointIndependent
    /// One mapping for each destination address: ADM.
    case addressDependent
    /// One mapping for each destination endpoint: APDM.
    case addressAndPortDependent
}

/// The senders that a NAT admits to a mapping (RFC 4787 section 5).
public enum Filtering: String, Sendable, Hashable, CaseIterable {
    /// Anyone: EIF.
    case endpointIndependent
    /// Any port of an address that the internal endpoint has sent to: ADF.
    case addressDependent
    /// Only an endpoint that the internal endpoint has sent to: APDF.
    case addressAndPortDependent
}

/// Which external port a new mapping gets.
public enum PortAllocation: Sendable, Hashable {
    /// The local port where it is free, as RFC 4787 section 4.2.1 calls port preservation.
    case equal
    /// The local port plus a constant: differences between local ports are kept.
    case preserving
    /// The last external port plus `delta`, whatever the local port.
    case sequential(delta: Int)
    /// The last external port plus `delta` where the local port is the last one's successor, else a random one.
    case dependent(delta: Int)
    /// Uniformly random.
    case random
    /// Inside a block of `size` ports that each internal address is given, in order or at random, as carriers do (RFC 6888, RFC 7422).
    case block(size: Int, isRandom: Bool)
}

/// The answer to an unsolicited packet that opens a session.
public enum Refusal: String, Sendable, Hashable, CaseIterable {
    /// Nothing, as RFC 5382 section 4.3 asks.
    case silence
    /// A TCP RST.
    case reset
    /// An ICMP port-unreachable error.
    case unreachable
}

/// The state that an RST from outside on a session deletes.
///
/// An RST that the NAT itself sends deletes nothing.
public enum ResetEffect: Sendable, Hashable {
    /// Nothing; the RST is only passed on.
    case none
    /// The session, after the delay; a mapping goes with its last session. Linux conntrack waits 10 s.
    case session(after: Duration)
    /// The whole mapping with all its sessions, after the delay.
    case mapping(after: Duration)
}

/// The treatment of a TCP segment from inside that belongs to no known session and is no SYN, as after a reboot of the NAT.
public enum MidstreamPolicy: String, Sendable, Hashable, CaseIterable {
    /// It is discarded.
    case discard
    /// It makes a session, as Linux does (`nf_conntrack_tcp_loose`).
    case adopt
}

/// The behaviour towards one transport.
public struct TransportBehaviour: Sendable, Hashable {
    /// How internal endpoints are mapped.
    public var mapping: Mapping
    /// The senders that are admitted.
    public var filtering: Filtering
    /// How external ports are chosen.
    public var allocation: PortAllocation
    /// The answer to an unsolicited SYN or datagram.
    public var unsolicited: Refusal
    /// Whether packets of this transport may leave at all, and to which ports; nil allows all.
    public var allowedPorts: Set<UInt16>?

    /// A behaviour; the defaults are those of the usual home router.
    public init(
        mapping: Mapping = .endpointIndependent, filtering: Filtering = .addressAndPortDependent, allocation: PortAllocation = .equal,
        unsolicited: Refusal = .silence, allowedPorts: Set<UInt16>? = nil
    ) {
        self.mapping = mapping
        self.filtering = filtering
        self.allocation = allocation
        self.unsolicited = unsolicited
        self.allowedPorts = allowedPorts
    }
}

/// How long a session may stay idle. Defaults are the least the RFCs allow.
public struct NATTimeouts: Sendable, Hashable {
    /// An established TCP session: 2 h 4 min (RFC 5382 section 5).
    public var established = Duration.seconds(7440)
    /// A TCP session that is opening or closing: 4 min (RFC 5382 section 5).
    public var transitory = Duration.seconds(240)
    /// A TCP session after an RST from inside: 10 s, as in Linux conntrack.
    public var reset = Duration.seconds(10)
    /// A UDP session: 2 min (RFC 4787 section 4.3).
    public var datagram = Duration.seconds(120)
    /// An ICMP query: 60 s (RFC 5508 section 3.2).
    public var query = Duration.seconds(60)

    /// The defaults.
    public init() {}
}

/// Everything that tells one NAT or firewall from another.
public struct NATParameters: Sendable, Hashable {
    /// False for a stateful firewall, whose inside has public addresses. IPv6 is never translated, only filtered.
    public var translates = true
    /// Towards TCP.
    public var tcp = TransportBehaviour()
    /// Towards UDP.
    public var udp = TransportBehaviour()
    /// Allocations per second that other subscribers make, on average (Poisson); each transport's allocator has its own.
    public var backgroundNoise = 0.0
    /// The state that an RST from outside deletes.
    public var resetEffect = ResetEffect.none
    /// Whether a SYN from outside may meet one from inside (RFC 5382 section 4.3 requires it); otherwise only a SYN-ACK passes.
    public var acceptsSimultaneousOpen = true
    /// Segments from inside that belong to nothing.
    public var midstream = MidstreamPolicy.discard
    /// Whether two hosts inside can reach each other by their external endpoints (RFC 4787 section 6).
    public var hairpin = false
    /// Whether the timestamps option is blotted out of SYNs.
    public var stripsTimestamps = false
    /// How long what may stay idle.
    public var timeouts = NATTimeouts()
    /// The most sessions the table holds; more are refused with silence.
    public var tableSize = 65_536
    /// The external addresses.
    public var pool = AddressPool.single
    /// The lowest and highest external port.
    public var ports: ClosedRange<UInt16> = 1024...65535

    /// The usual home router: EIM, APDF, equal ports, silence.
    public init() {}

    func behaviour(of transport: TransportProtocol) -> TransportBehaviour {
        switch transport {
        case .tcp: tcp
        case .udp: udp
        case .icmp: TransportBehaviour()
        }
    }
}
