import BodkinCore
import BodkinEmulation

/// Checksums verified from scratch.
extension Wire {
    /// Whether the IP and transport checksums hold, and those of a packet quoted by an ICMP error as far as the quotation reaches.
    static func isCorrect(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first else { return false }
        return first >> 4 == 4 ? isCorrectV4(bytes) : isCorrectV6(bytes)
    }

    static func isCorrect(_ packet: Packet) -> Bool { isCorrect(packet.bytes) }

    private static func isCorrectV4(_ bytes: [UInt8]) -> Bool {
        let length = Int(bytes[0] & 15) * 4
        guard bytes.count >= length, remainder(Array(bytes[..<length])) == 0 else { return false }
        let isFragment = bytes[6] & 0x3F != 0 || bytes[7] != 0
        let total = Int(bytes[2]) << 8 | Int(bytes[3])
        guard !isFragment, bytes.count >= total, let source = IPAddress(bytes: bytes[12..<16]),
            let destination = IPAddress(bytes: bytes[16..<20])
        else { return true }  // cut short or in pieces: nothing more can be said
        return isCorrect(bytes[9], Array(bytes[length..<total]), source, destination)
    }

    private static func isCorrectV6(_ bytes: [UInt8]) -> Bool {
        let total = 40 + (Int(bytes[4]) << 8 | Int(bytes[5]))
        guard bytes.count >= total, let source = IPAddress(bytes: bytes[8..<24]), let destination = IPAddress(bytes: bytes[24..<40])
        else { return true }
        return isCorrect(bytes[6], Array(bytes[40..<total]), source, destination)
    }

    private static func isCorrect(_ upper: UInt8, _ message: [UInt8], _ source: IPAddress, _ destination: IPAddress) -> Bool {
        if upper == 17 && message[6] == 0 && message[7] == 0 { return source.family == .v4 }
        let covered = (upper == 1 ? [] : pseudoHeader(upper, source, destination, message.count)) + message
        guard remainder(covered) == 0 else { return false }
        let isError = upper == 1 ? [3, 11, 12].contains(message[0]) : upper == 58 && message[0] < 128
        return isError ? isCorrect(Array(message[8...])) : true
    }
}
