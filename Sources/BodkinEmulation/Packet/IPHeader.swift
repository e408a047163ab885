package import BodkinCore

/// Where the parts of an IP packet lie, read from bytes that may be anything.
///
/// Every offset in it has been checked against the bytes it was read from.
package struct IPHeader: Sendable {
    /// The address family.
    package var family: IPAddress.Family
    /// Where the packet comes from.
    package var source: IPAddress
    /// Where the packet goes.
    package var destination: IPAddress
    /// The upper-layer protocol number, after any extension headers.
    package var upperProtocol: UInt8
    /// Where the upper layer begins.
    package var upperOffset: Int
    /// Where the header begins.
    package var start: Int
    /// Where the packet ends; trailing bytes do not belong to it. A quoted packet may end before its length field says.
    package var end: Int
    /// Where its length field says that it ends.
    package var declaredEnd: Int
    /// The fragment identification and whether this is the first fragment; nil for a whole packet.
    package var fragment: (identification: UInt32, isFirst: Bool)?

    /// The transport; nil for any that the lab does not translate. ICMP has another number in each family.
    package var transport: TransportProtocol? {
        switch upperProtocol {
        case 6: .tcp
        case 17: .udp
        case family == .v4 ? 1 : 58: .icmp
        default: nil
        }
    }

    /// Reads the header that starts at `start`. `isQuoted` accepts a packet cut short, as ICMP errors quote them.
    init?(_ bytes: [UInt8], at start: Int = 0, isQuoted: Bool = false) {
        guard start >= 0, start < bytes.count else { return nil }
        switch bytes[start] >> 4 {
        case 4: self.init(v4: bytes, at: start, isQuoted: isQuoted)
        case 6: self.init(v6: bytes, at: start, isQuoted: isQuoted)
        default: return nil
        }
    }

    /// RFC 791 section 3.1.
    private init?(v4 bytes: [UInt8], at start: Int, isQuoted: Bool) {
        guard bytes.count - start >= 20 else { return nil }
        let headerLength = Int(bytes[start] & 0x0F) * 4
        let totalLength = Int(bytes.word(start + 2))
        guard headerLength >= 20, totalLength >= headerLength, bytes.count - start >= (isQuoted ? headerLength : totalLength) else { return nil }
        family = .v4
        source = IPAddress(v4: bytes.longWord(start + 12))
        destination = IPAddress(v4: bytes.longWord(start + 16))
        upperProtocol = bytes[start + 9]
        upperOffset = start + headerLength
        self.start = start
        declaredEnd = start + totalLength
        end = min(declaredEnd, bytes.count)
        let fragmentWord = bytes.word(start + 6)
        if fragmentWord & 0x3FFF != 0 { fragment = (UInt32(bytes.word(start + 4)), fragmentWord & 0x1FFF == 0) }
    }

    /// RFC 8200 sections 3 and 4.
    private init?(v6 bytes: [UInt8], at start: Int, isQuoted: Bool) {
        guard bytes.count - start >= 40 else { return nil }
        self.start = start
        declaredEnd = start + 40 + Int(bytes.word(start + 4))
        guard isQuoted || bytes.count >= declaredEnd else { return nil }
        family = .v6
        guard let source = IPAddress(bytes: bytes[(start + 8)..<(start + 24)]),
            let destination = IPAddress(bytes: bytes[(start + 24)..<(start + 40)])
        else { return nil }
        self.source = source
        self.destination = destination
        end = min(declaredEnd, bytes.count)
        var next = bytes[start + 6]
        var offset = start + 40
        // Hop-by-hop, routing, fragment, destination options; more than eight of them is nonsense.
        for _ in 0..<8 where [0, 43, 44, 60].contains(next) {
            guard end - offset >= 8 else { return nil }
            if next == 44 {
                let word = bytes.word(offset + 2)
                if word & 0xFFF9 != 0 { fragment = (bytes.longWord(offset + 4), word & 0xFFF8 == 0) }
            }
            let length = next == 44 ? 8 : (Int(bytes[offset + 1]) + 1) * 8
            next = bytes[offset]
            offset += length
            guard offset <= end else { return nil }
            if let fragment, !fragment.isFirst { break }
        }
        upperProtocol = next
        upperOffset = offset
    }
}
