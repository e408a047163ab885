/// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
package enum Checksum {
    /// The one's complement sum of 16-bit words, not yet complemented.
    package static func sum(_ bytes: some Sequence<UInt8>, initial: UInt32 = 0) -> UInt32 {
        var total = UInt64(initial)
        var isHigh = true
        for byte in bytes {
            total &+= isHigh ? UInt64(byte) << 8 : UInt64(byte)
            isHigh.toggle()
        }
        return UInt32(fold(total))
    }

    /// The checksum of bytes that hold zero in the place of the checksum itself.
    package static func of(_ bytes: some Sequence<UInt8>, initial: UInt32 = 0) -> UInt16 {
        ~UInt16(truncatingIfNeeded: sum(bytes, initial: initial))
    }

    /// The checksum after a 16-bit word changed: equation 3 of RFC 1624.
    @inline(__always)
    package static func updated(_ checksum: UInt16, _ old: UInt16, _ new: UInt16) -> UInt16 {
        ~UInt16(truncatingIfNeeded: fold(UInt64(~checksum) &+ UInt64(~old) &+ UInt64(new)))
    }

    /// The checksum after a 32-bit word changed.
    @inline(__always)
    package static func updated(_ checksum: UInt16, _ old: UInt32, _ new: UInt32) -> UInt16 {
        let high = updated(checksum, UInt16(truncatingIfNeeded: old >> 16), UInt16(truncatingIfNeeded: new >> 16))
        return updated(high, UInt16(truncatingIfNeeded: old), UInt16(truncatingIfNeeded: new))
    }

    @inline(__always)
    private static func fold(_ sum: UInt64) -> UInt64 {
        var sum = sum
        while sum >> 16 != 0 { sum = (sum & 0xFFFF) &+ (sum >> 16) }
        return sum
    }
}

extension Array where Element == UInt8 {
    /// The 16 bits at `offset` in network byte order. The caller has checked the bounds.
    @inline(__always)
    package func word(_ offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }

    /// The 32 bits at `offset` in network byte order. The caller has checked the bounds.
    @inline(__always)
    func longWord(_ offset: Int) -> UInt32 { UInt32(word(offset)) << 16 | UInt32(word(offset + 2)) }

    /// Writes 16 bits at `offset` in network byte order.
    @inline(__always)
    package mutating func setWord(_ offset: Int, _ value: UInt16) {
        self[offset] = UInt8(truncatingIfNeeded: value >> 8)
        self[offset + 1] = UInt8(truncatingIfNeeded: value)
    }

    /// Writes 32 bits at `offset` in network byte order.
    @inline(__always)
    mutating func setLongWord(_ offset: Int, _ value: UInt32) {
        setWord(offset, UInt16(truncatingIfNeeded: value >> 16))
        setWord(offset + 2, UInt16(truncatingIfNeeded: value))
    }
}
