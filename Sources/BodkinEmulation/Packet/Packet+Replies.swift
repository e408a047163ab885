package import BodkinCore

/// Packets that a box in the middle makes itself.
extension Packet {
    /// What an ICMP error of the lab says, by its type and code in each family (RFC 792, RFC 4443).
    enum ErrorMessage {
        case portUnreachable
        case timeExceeded
        case tooBig(mtu: Int)
    }

    /// The RST that answers this segment as a closed port would (RFC 9293 section 3.10.7.1).
    func reset() -> Packet? {
        guard summary.flow.transport == .tcp, summary.kind == .message, !summary.flags.contains(.rst) else { return nil }
        var segment = [UInt8](repeating: 0, count: 20)
        segment.setWord(0, summary.flow.destination.port)
        segment.setWord(2, summary.flow.source.port)
        segment[12] = 5 << 4
        if summary.flags.contains(.ack) {
            segment.setLongWord(4, bytes.longWord(upperOffset + 8))
            segment[13] = TCPFlags.rst.rawValue
        } else {
            let payload = header.end - upperOffset - Int(bytes[upperOffset + 12] >> 4) * 4
            let controls = (summary.flags.contains(.syn) ? 1 : 0) + (summary.flags.contains(.fin) ? 1 : 0)
            segment.setLongWord(8, bytes.longWord(upperOffset + 4) &+ UInt32(truncatingIfNeeded: payload + controls))
            segment[13] = TCPFlags.rst.union(.ack).rawValue
        }
        return Self.make(6, segment, checksumAt: 16, from: header.destination, to: header.source)
    }

    /// The RST that this segment's own sender would send to its receiver, in sequence: what a middlebox forges.
    func forgedReset() -> Packet? {
        guard summary.flow.transport == .tcp, summary.kind == .message, !summary.flags.contains(.rst) else { return nil }
        var segment = Array(bytes[upperOffset..<(upperOffset + 20)])
        segment[12] = 5 << 4
        segment[13] = TCPFlags.rst.union(.ack).rawValue
        segment.setLongWord(16, 0)
        return Self.make(6, segment, checksumAt: 16, from: header.source, to: header.destination)
    }

    /// An ICMP error about this packet, sent by `sender`; nil where the RFCs forbid one.
    func error(_ message: ErrorMessage, from sender: IPAddress) -> Packet? {
        guard sender.family == header.family, summary.kind == .message || summary.flow.transport != .icmp else { return nil }
        if case .laterFragment = summary.kind { return nil }
        let isV4 = sender.family == .v4
        var body = [UInt8](repeating: 0, count: 8)
        switch message {
        case .portUnreachable: (body[0], body[1]) = isV4 ? (3, 3) : (1, 4)
        case .timeExceeded: (body[0], body[1]) = isV4 ? (11, 0) : (3, 0)
        case .tooBig(let mtu):
            (body[0], body[1]) = isV4 ? (3, 4) : (2, 0)
            body.setLongWord(4, UInt32(clamping: mtu))
        }
        // RFC 1812 section 4.3.2.3: at most 576 bytes in all; RFC 4443 section 2.4: at most the minimum MTU, 1280.
        body += bytes.prefix(isV4 ? 576 - 28 : 1280 - 48)
        return Self.make(isV4 ? 1 : 58, body, checksumAt: 2, from: sender, to: header.source)
    }

    /// An IP packet around an upper-layer message, checksums filled in.
    package static func make(_ upper: UInt8, _ message: [UInt8], checksumAt place: Int, from source: IPAddress, to destination: IPAddress) -> Packet?
    {
        guard source.family == destination.family, message.count <= 65_000, place + 2 <= message.count else { return nil }
        var message = message
        var initial: UInt32 = 0
        if upper != 1 {
            let pseudo = source.bytes + destination.bytes + [0, 0, UInt8(message.count >> 8), UInt8(message.count & 0xFF), 0, upper]
            initial = Checksum.sum(pseudo)
        }
        message.setWord(place, Checksum.of(message, initial: initial))
        var bytes: [UInt8]
        if source.family == .v4 {
            bytes = [0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, upper, 0, 0] + source.bytes + destination.bytes
            bytes.setWord(2, UInt16(20 + message.count))
            bytes.setWord(10, Checksum.of(bytes))
        } else {
            bytes = [0x60, 0, 0, 0, 0, 0, upper, 64] + source.bytes + destination.bytes
            bytes.setWord(4, UInt16(message.count))
        }
        return Packet(bytes + message)
    }
}
