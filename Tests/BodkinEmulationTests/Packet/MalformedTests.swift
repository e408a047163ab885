import BodkinCore
import Testing

@testable import BodkinEmulation

@Suite("Bytes that are no packet")
struct MalformedTests {
    private static let a = ParsingTests.a
    private static let b = ParsingTests.b

    @Test("a packet cut short anywhere is refused", arguments: ParsingTests.samples.indices)
    func truncated(index: Int) {
        let sample = ParsingTests.samples[index]
        for count in 0..<sample.count { #expect(Packet(Array(sample.prefix(count))) == nil, "\(count) of \(sample.count) bytes") }
    }

    @Test("lengths that contradict each other are refused")
    func lengths() {
        let sample = Wire.tcp(Self.a, Self.b, .syn)
        func changed(_ offset: Int, _ value: UInt8) -> Packet? {
            var bytes = sample
            bytes[offset] = value
            return Packet(bytes)
        }
        #expect(changed(0, 0x44) == nil, "an IP header of 16 bytes")
        #expect(changed(0, 0x4F) == nil, "an IP header longer than the packet")
        #expect(changed(0, 0x55) == nil, "IP version 5")
        #expect(changed(3, 19) == nil, "a packet shorter than its header")
        #expect(changed(3, 39) == nil, "a TCP header cut short by the length")
        #expect(changed(3, 41) == nil, "a length beyond the bytes")
        #expect(changed(32, 0x40) == nil, "a TCP header of 16 bytes")
        #expect(changed(32, 0x60) == nil, "a TCP header longer than the segment")
        #expect(changed(9, 132) == nil, "SCTP")
    }

    @Test("an error whose quotation lies behind the end that the header names is refused, and never read")
    func quotationBehindTheEnd() {
        for quoted in [Wire.udp(Self.a, Self.b), Wire.tcp(Self.a, Self.b), Wire.echo(Self.a.address, Self.b.address, identifier: 1)] {
            let error = Wire.error(3, 3, from: Self.b.address, to: Self.a.address, quoting: quoted)
            for length in 28..<56 as Range<UInt8> {
                var bytes = error
                bytes[3] = length
                guard var packet = Packet(bytes) else { continue }
                #expect(length >= 56, "eight bytes of the quoted transport were not there")
                packet.apply(
                    Translation(source: "1.2.3.4:0", destination: "5.6.7.8:0", quoted: Flow(.udp, from: "5.6.7.8:9", to: "1.2.3.4:9")))
            }
        }
    }

    @Test("ICMP in the other family's packets is refused")
    func otherFamily() {
        var v4 = Wire.echo(Self.a.address, Self.b.address, identifier: 1)
        v4[9] = 58
        #expect(Packet(v4) == nil)
        var v6 = Wire.echo(ParsingTests.a6.address, ParsingTests.b6.address, identifier: 1)
        v6[6] = 1
        #expect(Packet(v6) == nil)
        let mixed = Wire.error(3, 3, from: Self.b.address, to: Self.a.address, quoting: Wire.udp(ParsingTests.a6, ParsingTests.b6))
        #expect(Packet(mixed) == nil)
    }

    @Test("ICMP that is neither echo nor error is refused", arguments: [5, 9, 13, 17, 133, 134, 135, 255] as [UInt8])
    func otherICMP(type: UInt8) {
        let body = [type, 0, 0, 0, 0, 0, 0, 0] + Wire.udp(Self.a, Self.b)
        #expect(Packet(Wire.ip(1, Self.a.address, Self.b.address, body, checksumAt: 2)) == nil)
    }

    @Test("an error that quotes an error, a later fragment or nonsense is refused")
    func badQuotations() {
        let error = Wire.error(3, 3, from: Self.b.address, to: Self.a.address, quoting: Wire.udp(Self.a, Self.b))
        let later = Wire.fragments(of: Wire.udp(Self.a, Self.b, payload: [UInt8](repeating: 5, count: 40)), at: 16).second
        for quoted in [error, later, [], [0x45], [UInt8](repeating: 0xFF, count: 40)] {
            #expect(Packet(Wire.error(3, 3, from: Self.b.address, to: Self.a.address, quoting: quoted)) == nil)
        }
    }

    @Test("extension headers without end are refused")
    func extensions() {
        var v6 = Wire.tcp(ParsingTests.a6, ParsingTests.b6, .syn)
        v6[6] = 0
        v6.insert(contentsOf: (0..<9).flatMap { _ in [0, 0, 1, 4, 0, 0, 0, 0] as [UInt8] }, at: 40)
        v6[5] += 72
        #expect(Packet(v6) == nil)
        var tooLong = Wire.tcp(ParsingTests.a6, ParsingTests.b6, .syn)
        tooLong[6] = 60
        tooLong[41] = 200
        #expect(Packet(tooLong) == nil)
    }

    @Test("random bytes of every length are read or refused, and what is read reads the same again", arguments: 0..<20 as Range<UInt64>)
    func random(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for count in 0..<200 {
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            if count > 9 { bytes[0] = 0x45 }
            if let packet = Packet(bytes) { #expect(Packet(packet.bytes)?.summary == packet.summary) }
        }
    }
}
