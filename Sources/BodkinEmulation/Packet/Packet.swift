import BodkinCore

/// An IP packet on its way through the lab: its bytes, and what was read of them once.
public struct Packet: Sendable {
    /// The bytes, from the IP header to the end that the header names.
    public internal(set) var bytes: [UInt8]
    /// The part that NATs decide by.
    public internal(set) var summary: PacketSummary
    /// Where the parts lie.
    package internal(set) var header: IPHeader
    /// Where the packet that an ICMP error quotes lies.
    package internal(set) var quoted: IPHeader?

    /// Reads a packet; nil for anything that is not well-formed TCP, UDP or ICMP over IPv4 or IPv6.
    public init?(_ bytes: [UInt8]) {
        guard let header = IPHeader(bytes) else { return nil }
        var bytes = bytes
        // Before anything else is read, so that an error cannot quote what is not its own.
        if header.end < bytes.count { bytes.removeLast(bytes.count - header.end) }
        guard let (summary, quoted) = Self.read(bytes, header) else { return nil }
        self.bytes = bytes
        self.header = header
        self.summary = summary
        self.quoted = quoted
    }

    /// The number of bytes on the wire.
    public var count: Int { bytes.count }

    /// The offset of the transport header, or of the ICMP message.
    var upperOffset: Int { header.upperOffset }

    private static func read(_ bytes: [UInt8], _ header: IPHeader) -> (PacketSummary, IPHeader?)? {
        guard let transport = header.transport else { return nil }
        var flow = Flow(transport, from: Endpoint(header.source, 0), to: Endpoint(header.destination, 0))
        if let fragment = header.fragment, !fragment.isFirst {
            return (PacketSummary(flow, kind: .laterFragment(identification: fragment.identification)), nil)
        }
        let offset = header.upperOffset
        let length = header.end - offset
        let more = header.fragment?.identification
        switch transport {
        case .tcp:
            guard length >= 20, (20...length).contains(Int(bytes[offset + 12] >> 4) * 4) else { return nil }
            flow.source.port = bytes.word(offset)
            flow.destination.port = bytes.word(offset + 2)
            return (PacketSummary(flow, flags: TCPFlags(rawValue: bytes[offset + 13]), followedByFragments: more), nil)
        case .udp:
            guard length >= 8 else { return nil }
            flow.source.port = bytes.word(offset)
            flow.destination.port = bytes.word(offset + 2)
            return (PacketSummary(flow, followedByFragments: more), nil)
        case .icmp:
            guard length >= 8 else { return nil }
            let isV4 = header.family == .v4
            switch bytes[offset] {
            case isV4 ? 8 : 128: flow.source.port = bytes.word(offset + 4)
            case isV4 ? 0 : 129: flow.destination.port = bytes.word(offset + 4)
            case let type where isV4 ? [3, 11, 12].contains(type) : (1...4).contains(type):
                guard let quoted = IPHeader(bytes, at: offset + 8, isQuoted: true), quoted.family == header.family,
                    let inner = quotedFlow(bytes, quoted)
                else { return nil }
                return (PacketSummary(flow, kind: .error(quoting: inner)), quoted)
            default: return nil
            }
            return (PacketSummary(flow, followedByFragments: more), nil)
        }
    }

    /// The flow of a packet quoted by an ICMP error, which may hold as little as eight bytes of the transport (RFC 792).
    private static func quotedFlow(_ bytes: [UInt8], _ header: IPHeader) -> Flow? {
        let offset = header.upperOffset
        guard header.end - offset >= 8, header.fragment?.isFirst != false, let transport = header.transport else { return nil }
        let isICMP = transport == .icmp
        if isICMP && bytes[offset] != (header.family == .v4 ? 8 : 128) { return nil }
        return Flow(
            transport, from: Endpoint(header.source, isICMP ? bytes.word(offset + 4) : bytes.word(offset)),
            to: Endpoint(header.destination, isICMP ? 0 : bytes.word(offset + 2)))
    }
}
