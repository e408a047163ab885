import BodkinCore
import BodkinEmulation

/// Checksums verified from scratch, against the incremental updates of the rewriting.
extension Packet {
    /// Whether every checksum that can be verified holds: the IP header's, the transport's unless the packet is a fragment, and those of a
    /// packet that an ICMP error quotes, as far as the quotation reaches.
    var hasCorrectChecksums: Bool {
        guard Self.isCorrect(bytes, header, isQuoted: false) else { return false }
        return quoted.map { Self.isCorrect(bytes, $0, isQuoted: true) } ?? true
    }

    private static func isCorrect(_ bytes: [UInt8], _ header: IPHeader, isQuoted: Bool) -> Bool {
        if header.family == .v4 {
            let length = Int(bytes[header.start] & 0x0F) * 4
            guard Checksum.of(bytes[header.start..<(header.start + length)]) == 0 else { return false }
        }
        let isWhole = header.fragment == nil && (!isQuoted || header.end == header.declaredEnd)
        guard isWhole, let transport = header.transport else { return true }
        let message = bytes[header.upperOffset..<header.end]
        if transport == .udp {
            // A length that is not the packet's is the sender's mistake, and not the checksum's.
            guard message.count >= 8, Int(bytes.word(header.upperOffset + 4)) == message.count else { return true }
            if bytes.word(header.upperOffset + 6) == 0 { return true }
        }
        guard transport != .icmp || header.family == .v6 else { return Checksum.of(message) == 0 }
        let count = UInt32(truncatingIfNeeded: message.count)
        let pseudo = header.source.bytes + header.destination.bytes
        let sum = Checksum.sum(pseudo, initial: count >> 16 + count & 0xFFFF + UInt32(header.upperProtocol))
        return Checksum.of(message, initial: sum) == 0
    }
}
