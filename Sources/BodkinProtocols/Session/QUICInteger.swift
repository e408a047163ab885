import NIOCore

/// Variable-length integers (RFC 9000 section 16): the two top bits of the first byte say whether there are 1, 2, 4 or 8 bytes.
enum QUICInteger {
    /// The largest value: 62 bits.
    static let max: UInt64 = 1 << 62 - 1

    /// How many bytes the shortest encoding has.
    static func length(of value: UInt64) -> Int {
        value < 1 << 6 ? 1 : value < 1 << 14 ? 2 : value < 1 << 30 ? 4 : 8
    }
}

extension ByteBuffer {
    /// Reads an integer; nil, with nothing read, where bytes are missing.
    mutating func readQUICInteger() -> UInt64? {
        guard let first = getInteger(at: readerIndex, as: UInt8.self) else { return nil }
        switch first >> 6 {
        case 0: return readInteger(as: UInt8.self).map(UInt64.init)
        case 1: return readInteger(as: UInt16.self).map { UInt64($0 & 0x3FFF) }
        case 2: return readInteger(as: UInt32.self).map { UInt64($0 & 0x3FFF_FFFF) }
        default: return readInteger(as: UInt64.self).map { $0 & QUICInteger.max }
        }
    }

    /// Writes the shortest encoding; what does not fit in 62 bits is written as the largest value.
    mutating func writeQUICInteger(_ value: UInt64) {
        switch QUICInteger.length(of: value) {
        case 1: writeInteger(UInt8(truncatingIfNeeded: value))
        case 2: writeInteger(UInt16(truncatingIfNeeded: value) | 0x4000)
        case 4: writeInteger(UInt32(truncatingIfNeeded: value) | 0x8000_0000)
        default: writeInteger(Swift.min(value, QUICInteger.max) | 0xC000_0000_0000_0000)
        }
    }
}
