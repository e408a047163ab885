import BodkinCore
import BodkinEmulation

/// A TCP segment between two endpoints, as it travels through the emulated network.
struct VirtualSegment {
    /// The largest payload: a link's 1 500 bytes less both headers of IPv6.
    static let largestPayload = 1_440

    var source: Endpoint
    var destination: Endpoint
    var sequence: UInt32
    var acknowledgement: UInt32 = 0
    var flags: TCPFlags
    var payload: [UInt8] = []
    var hopLimit: UInt8 = 64

    /// How much of the sequence space it takes.
    var length: UInt32 { UInt32(payload.count) + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0) }

    /// The RST that answers it where nobody is (RFC 9293 section 3.10.7.1).
    var reset: VirtualSegment {
        if flags.contains(.ack) { return VirtualSegment(source: destination, destination: source, sequence: acknowledgement, flags: .rst) }
        return VirtualSegment(
            source: destination, destination: source, sequence: 0, acknowledgement: sequence &+ length, flags: [.rst, .ack])
    }
}

extension VirtualSegment {
    /// Reads a packet; nil for what is no TCP segment.
    init?(_ packet: Packet) {
        guard packet.summary.flow.transport == .tcp, packet.summary.kind == .message else { return nil }
        let offset = packet.summary.flow.source.address.family == .v4 ? 20 : 40
        let bytes = packet.bytes
        guard bytes.count >= offset + 20 else { return nil }
        func word(_ at: Int) -> UInt32 { bytes[(offset + at)..<(offset + at + 4)].reduce(0) { $0 << 8 | UInt32($1) } }
        self.init(
            source: packet.summary.flow.source, destination: packet.summary.flow.destination, sequence: word(4), acknowledgement: word(8),
            flags: packet.summary.flags, payload: Array(bytes[(offset + 20)...]))
    }

    /// The segment as a packet. Checksums stay zero: nobody here looks at them, and NATs update what there is.
    var packet: Packet? {
        func word(_ value: UInt32) -> [UInt8] { [UInt8(value >> 24), UInt8(value >> 16 & 0xFF), UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }
        func half(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }
        var bytes: [UInt8]
        let count = 20 + payload.count
        if source.address.family == .v4 {
            bytes = [0x45, 0] + half(20 + count) + [0, 0, 0x40, 0, hopLimit, 6, 0, 0]
        } else {
            bytes = [0x60, 0, 0, 0] + half(count) + [6, hopLimit]
        }
        bytes += source.address.bytes + destination.address.bytes
        bytes += half(Int(source.port)) + half(Int(destination.port)) + word(sequence) + word(acknowledgement)
        bytes += [0x50, flags.rawValue, 0xFF, 0xFF, 0, 0, 0, 0] + payload
        return Packet(bytes)
    }
}
