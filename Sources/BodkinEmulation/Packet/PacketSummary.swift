public import BodkinCore

/// The transports that the lab translates. ICMP stands for ICMPv6 too.
public enum TransportProtocol: UInt8, Sendable, Hashable, CaseIterable {
    /// ICMP queries (echo); the identifier takes the place of the port (RFC 5508 section 3).
    case icmp = 1
    /// TCP (RFC 9293).
    case tcp = 6
    /// UDP (RFC 768).
    case udp = 17
}

/// The control bits of a TCP segment that a NAT looks at (RFC 9293 section 3.1).
public struct TCPFlags: OptionSet, Sendable, Hashable {
    /// The byte of the header that holds the bits.
    public let rawValue: UInt8
    /// From the byte of the header.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// No more data from the sender.
    public static let fin = TCPFlags(rawValue: 0x01)
    /// Synchronise sequence numbers.
    public static let syn = TCPFlags(rawValue: 0x02)
    /// Reset the connection.
    public static let rst = TCPFlags(rawValue: 0x04)
    /// The acknowledgement field counts.
    public static let ack = TCPFlags(rawValue: 0x10)
}

/// A transport and the two endpoints of a packet.
public struct Flow: Hashable, Sendable {
    /// Where the packet says it comes from.
    public var source: Endpoint
    /// Where it goes.
    public var destination: Endpoint
    /// The transport; last, so that a flow fills 48 bytes and not 56.
    public var transport: TransportProtocol

    /// A flow from its parts.
    public init(_ transport: TransportProtocol, from source: Endpoint, to destination: Endpoint) {
        self.transport = transport
        self.source = source
        self.destination = destination
    }

    /// The flow of the answers.
    public var reversed: Flow { Flow(transport, from: destination, to: source) }

    /// Whether both endpoints and the transport are the same.
    public static func == (left: Self, right: Self) -> Bool {
        left.source == right.source && left.destination == right.destination && left.transport == right.transport
    }

    /// Four words: ports and transport together, so that a table look-up hashes little.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(UInt64(source.port) << 32 | UInt64(destination.port) << 8 | UInt64(transport.rawValue))
        hasher.combine(source.address)
        hasher.combine(destination.address)
    }
}

/// The part of a packet that a NAT reads: all that decides, and nothing of the payload.
public struct PacketSummary: Sendable, Hashable {
    /// The kind of a packet, seen by a NAT.
    public enum Kind: Sendable, Hashable {
        /// A segment, datagram or query, whole or the first fragment of one.
        case message
        /// A later fragment: it has no ports, the identification joins it to its first one.
        case laterFragment(identification: UInt32)
        /// An ICMP error about a packet that went the other way: the flow that it quotes.
        case error(quoting: Flow)
    }

    /// The outer flow. Errors and later fragments have port 0.
    public var flow: Flow
    /// The kind of the packet.
    public var kind: Kind
    /// The control bits; empty unless TCP.
    public var flags: TCPFlags
    /// The identification, where more fragments follow this first one.
    public var followedByFragments: UInt32?

    /// A summary from its parts, for tests and for programs that drive a ``NATTable`` themselves.
    public init(_ flow: Flow, kind: Kind = .message, flags: TCPFlags = [], followedByFragments: UInt32? = nil) {
        self.flow = flow
        self.kind = kind
        self.flags = flags
        self.followedByFragments = followedByFragments
    }

    /// Whether this is a segment that asks for a connection: SYN without ACK.
    public var isConnectionRequest: Bool { flags.contains(.syn) && !flags.contains(.ack) && flow.transport == .tcp && kind == .message }
}
