import BodkinCore
import BodkinEmulation

/// Packets built byte by byte, with checksums summed from scratch, so that the sources are not judged by their own arithmetic.
enum Wire {
    static func tcp(
        _ source: Endpoint, _ destination: Endpoint, _ flags: TCPFlags = .syn, sequence: UInt32 = 1, acknowledgement: UInt32 = 0,
        options: [UInt8] = [], payload: [UInt8] = [], hops: UInt8 = 64
    ) -> [UInt8] {
        let header =
            words(source.port, destination.port) + long(sequence) + long(acknowledgement)
            + [UInt8((20 + options.count) / 4) << 4, flags.rawValue, 0xFF, 0xFF, 0, 0, 0, 0]
        return ip(6, source.address, destination.address, header + options + payload, checksumAt: 16, hops: hops)
    }

    static func udp(
        _ source: Endpoint, _ destination: Endpoint, payload: [UInt8] = [1, 2, 3], hasChecksum: Bool = true, hops: UInt8 = 64
    ) -> [UInt8] {
        let body = words(source.port, destination.port, UInt16(8 + payload.count), 0) + payload
        return ip(17, source.address, destination.address, body, checksumAt: hasChecksum ? 6 : nil, hops: hops)
    }

    static func echo(
        _ source: IPAddress, _ destination: IPAddress, identifier: UInt16, isReply: Bool = false, payload: [UInt8] = [9, 8, 7],
        hops: UInt8 = 64
    ) -> [UInt8] {
        let isV4 = source.family == .v4
        let type: UInt8 = isV4 ? (isReply ? 0 : 8) : (isReply ? 129 : 128)
        let body = [type, 0, 0, 0] + words(identifier, 1) + payload
        return ip(isV4 ? 1 : 58, source, destination, body, checksumAt: 2, hops: hops)
    }

    static func error(_ type: UInt8, _ code: UInt8, from source: IPAddress, to destination: IPAddress, quoting quoted: [UInt8]) -> [UInt8] {
        ip(source.family == .v4 ? 1 : 58, source, destination, [type, code, 0, 0, 0, 0, 0, 0] + quoted, checksumAt: 2)
    }

    /// An IP packet around a message whose checksum field holds zero.
    static func ip(
        _ upper: UInt8, _ source: IPAddress, _ destination: IPAddress, _ message: [UInt8], checksumAt place: Int?, hops: UInt8 = 64
    ) -> [UInt8] {
        var message = message
        let isV4 = source.family == .v4
        if let place {
            let covered = (isV4 && upper == 1 ? [] : pseudoHeader(upper, source, destination, message.count)) + message
            var sum = UInt16(0xFFFF - remainder(covered))
            if sum == 0 && upper == 17 { sum = 0xFFFF }
            message.replaceSubrange(place..<(place + 2), with: words(sum))
        }
        guard isV4 else {
            return [0x60, 0, 0, 0] + words(UInt16(message.count)) + [upper, hops] + source.bytes + destination.bytes + message
        }
        var header = [0x45, 0] + words(UInt16(20 + message.count), 0x1234, 0) + [hops, upper, 0, 0] + source.bytes + destination.bytes
        header.replaceSubrange(10..<12, with: words(UInt16(0xFFFF - remainder(header))))
        return header + message
    }

    /// An IPv4 packet in two fragments, the first with `count` bytes (a multiple of eight) of what follows the header.
    static func fragments(of packet: [UInt8], at count: Int) -> (first: [UInt8], second: [UInt8]) {
        func piece(_ body: [UInt8], _ word: UInt16) -> [UInt8] {
            var header = Array(packet[..<20])
            header.replaceSubrange(2..<4, with: words(UInt16(20 + body.count)))
            header.replaceSubrange(6..<8, with: words(word))
            header.replaceSubrange(10..<12, with: [0, 0])
            header.replaceSubrange(10..<12, with: words(UInt16(0xFFFF - remainder(header))))
            return header + body
        }
        return (piece(Array(packet[20..<(20 + count)]), 0x2000), piece(Array(packet[(20 + count)...]), UInt16(count / 8)))
    }

    static func words(_ values: UInt16...) -> [UInt8] { values.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } }
    static func long(_ value: UInt32) -> [UInt8] { words(UInt16(value >> 16), UInt16(value & 0xFFFF)) }

    static func pseudoHeader(_ upper: UInt8, _ source: IPAddress, _ destination: IPAddress, _ count: Int) -> [UInt8] {
        source.bytes + destination.bytes + long(UInt32(count)) + [0, 0, 0, upper]
    }

    /// The sum of the 16-bit words modulo 65 535: what one's complement arithmetic comes to, said differently.
    static func remainder(_ bytes: [UInt8]) -> Int {
        bytes.enumerated().reduce(0) { ($0 + Int($1.element) << ($1.offset % 2 == 0 ? 8 : 0)) % 0xFFFF }
    }
}
