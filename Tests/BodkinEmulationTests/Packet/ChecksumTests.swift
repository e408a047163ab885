import Testing

@testable import BodkinEmulation

@Suite("Checksums (RFC 1071, RFC 1624)")
struct ChecksumTests {
    @Test("RFC 1071 section 3: the worked example sums to 0xDDF2")
    func rfc1071() {
        let bytes: [UInt8] = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]
        #expect(Checksum.sum(bytes) == 0xDDF2)
        #expect(Checksum.of(bytes) == ~0xDDF2)
    }

    @Test("RFC 1624 section 4: equation 3 turns 0xDD2F into 0x0000 where 0x5555 becomes 0x3285")
    func rfc1624() { #expect(Checksum.updated(0xDD2F, 0x5555 as UInt16, 0x3285) == 0x0000) }

    @Test("a well-known IPv4 header has the checksum 0xB861")
    func header() {
        let bytes: [UInt8] = [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xC0, 0xA8, 0, 1, 0xC0, 0xA8, 0, 0xC7]
        #expect(Checksum.of(bytes) == 0xB861)
    }

    @Test("an odd last byte is the high half of a word")
    func odd() { #expect(Checksum.sum([0x12, 0x34, 0x56] as [UInt8]) == 0x1234 + 0x5600) }

    @Test("a sum goes on from another")
    func initial() {
        let bytes = (0..<64 as Range<UInt8>).map { $0 &* 37 }
        #expect(Checksum.sum(bytes[32...], initial: Checksum.sum(bytes[..<32])) == Checksum.sum(bytes))
    }

    @Test("the sum agrees with arithmetic modulo 65535, for any bytes", arguments: 0..<50 as Range<UInt64>)
    func modulo(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = (0..<Int.random(in: 1...3000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        #expect(Int(Checksum.sum(bytes)) % 0xFFFF == Wire.remainder(bytes))
    }

    @Test("an updated checksum is the one made anew, for any word of any header", arguments: 0..<200 as Range<UInt64>)
    func incremental(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var bytes = (0..<40).map { _ in UInt8.random(in: 0...255, using: &random) }
        let before = Checksum.of(bytes)
        let offset = Int.random(in: 0..<18, using: &random) * 2
        let old = bytes.longWord(offset)
        let new = UInt32.random(in: 0...UInt32.max, using: &random)
        bytes.setLongWord(offset, new)
        #expect(Checksum.updated(before, old, new) == Checksum.of(bytes))
    }

    @Test("a wrong checksum stays as wrong as it was")
    func wrong() {
        var bytes: [UInt8] = [1, 2, 3, 4, 5, 6]
        let wrong = Checksum.of(bytes) &+ 0x0100
        let updated = Checksum.updated(wrong, bytes.word(2), 0xABCD)
        bytes.setWord(2, 0xABCD)
        #expect(updated != Checksum.of(bytes))
    }
}
