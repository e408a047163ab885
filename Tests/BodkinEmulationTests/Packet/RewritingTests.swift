import BodkinCore
import Testing

@testable import BodkinEmulation

@Suite("Rewriting packets (RFC 3022 section 4.1)")
struct RewritingTests {
    /// Many pairs of endpoints, so that carries and zeros occur.
    static let seeds: Range<UInt64> = 0..<100

    static func endpoint(_ random: inout SeededGenerator) -> Endpoint {
        Endpoint(IPAddress(v4: UInt32.random(in: 0...UInt32.max, using: &random)), UInt16.random(in: 0...UInt16.max, using: &random))
    }

    @Test("a translated TCP segment is the one that the new endpoints would have sent", arguments: seeds)
    func tcp(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let ends = (0..<4).map { _ in Self.endpoint(&random) }
        let payload = (0..<Int.random(in: 0...99, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        var packet = try #require(Packet(Wire.tcp(ends[0], ends[1], [.ack], sequence: 12345, payload: payload)))
        packet.apply(Translation(source: ends[2], destination: ends[3]))
        #expect(packet.bytes == Wire.tcp(ends[2], ends[3], [.ack], sequence: 12345, payload: payload))
        #expect(Wire.isCorrect(packet))
        #expect(packet.summary == Packet(packet.bytes)?.summary)
    }

    @Test("a translated datagram is the one that the new endpoints would have sent", arguments: seeds)
    func udp(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let ends = (0..<4).map { _ in Self.endpoint(&random) }
        var packet = try #require(Packet(Wire.udp(ends[0], ends[1], payload: [UInt8](repeating: 0xA5, count: Int(seed)))))
        packet.apply(Translation(source: ends[2], destination: ends[3]))
        #expect(packet.bytes == Wire.udp(ends[2], ends[3], payload: [UInt8](repeating: 0xA5, count: Int(seed))))
        #expect(packet.summary == Packet(packet.bytes)?.summary)
    }

    @Test("a datagram without a checksum stays without one", arguments: seeds)
    func noChecksum(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let ends = (0..<4).map { _ in Self.endpoint(&random) }
        var packet = try #require(Packet(Wire.udp(ends[0], ends[1], hasChecksum: false)))
        packet.apply(Translation(source: ends[2], destination: ends[3]))
        #expect(packet.bytes == Wire.udp(ends[2], ends[3], hasChecksum: false))
    }

    @Test("a datagram with a checksum never loses it, whatever the new port makes of it")
    func zeroByPort() throws {
        let original = try #require(Packet(Wire.udp("192.168.1.10:5000", "198.51.100.1:443")))
        for port in 0...UInt16.max {
            var packet = original
            packet.apply(Translation(source: Endpoint("203.0.113.1", port), destination: "198.51.100.1:443"))
            if packet.bytes[26] == 0 && packet.bytes[27] == 0 { Issue.record("port \(port) takes the checksum away") }
        }
    }

    @Test("a datagram with a checksum never loses it, whatever the new address makes of it")
    func zeroByAddress() throws {
        let original = try #require(Packet(Wire.udp("192.168.1.10:5000", "198.51.100.1:443")))
        for low in 0...UInt32(UInt16.max) {
            var packet = original
            packet.apply(Translation(source: Endpoint(IPAddress(v4: 0xCB00_0000 | low), 5000), destination: "198.51.100.1:443"))
            if packet.bytes[26] == 0 && packet.bytes[27] == 0 { Issue.record("203.0 + \(low) takes the checksum away") }
        }
    }

    @Test("a datagram with a checksum keeps a right one where only its address makes it zero, and then its port changes")
    func zeroBetween() throws {
        let original = try #require(Packet(Wire.udp("192.168.1.10:5000", "198.51.100.1:443")))
        var wrong = 0
        for low in 0...UInt32(UInt16.max) {
            var packet = original
            packet.apply(Translation(source: Endpoint(IPAddress(v4: 0xCB00_0000 | low), 6000), destination: "198.51.100.1:443"))
            let isKept = packet.bytes[26] != 0 || packet.bytes[27] != 0
            if !isKept || !Wire.isCorrect(packet) { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test(
        "a translated echo has another identifier and a right checksum", arguments: [0, 1, 77, 0xFFFF] as [UInt16],
        [0, 1, 5000, 0xFFFF] as [UInt16])
    func echo(old: UInt16, new: UInt16) throws {
        var query = try #require(Packet(Wire.echo("192.168.1.10", "198.51.100.1", identifier: old)))
        query.apply(Translation(source: Endpoint("203.0.113.1", new), destination: "198.51.100.1:0"))
        #expect(Wire.isCorrect(query))
        #expect(query.bytes[24..<26].elementsEqual(Wire.words(new)))
        #expect(query.summary == Packet(query.bytes)?.summary)
        var reply = try #require(Packet(Wire.echo("198.51.100.1", "203.0.113.1", identifier: new, isReply: true)))
        reply.apply(Translation(source: "198.51.100.1:0", destination: Endpoint("192.168.1.10", old)))
        #expect(reply.bytes[24..<26].elementsEqual(Wire.words(old)))
        #expect(Wire.isCorrect(reply))
    }

    @Test("a wrong checksum stays wrong: the box does not vouch for what it did not check", arguments: [6, 17] as [UInt8])
    func wrong(upper: UInt8) throws {
        var bytes = upper == 6 ? Wire.tcp("192.168.1.10:5000", "198.51.100.1:443") : Wire.udp("192.168.1.10:5000", "198.51.100.1:443")
        bytes[bytes.count - 1] ^= 1
        var packet = try #require(Packet(bytes))
        packet.apply(Translation(source: "203.0.113.1:7000", destination: "198.51.100.1:443"))
        #expect(!Wire.isCorrect(packet))
    }

    @Test("both fragments are translated, and together make a right datagram")
    func fragments() throws {
        let whole = Wire.udp("192.168.1.10:5000", "198.51.100.1:443", payload: (0..<100).map { UInt8($0) })
        let pieces = Wire.fragments(of: whole, at: 64)
        let translation = Translation(source: "203.0.113.1:7000", destination: "198.51.100.1:443")
        var first = try #require(Packet(pieces.first))
        var second = try #require(Packet(pieces.second))
        first.apply(translation)
        second.apply(translation)
        #expect(Wire.isCorrect(first) && Wire.isCorrect(second))
        let expected = Wire.udp("203.0.113.1:7000", "198.51.100.1:443", payload: (0..<100).map { UInt8($0) })
        #expect(Array(first.bytes[20...] + second.bytes[20...]) == Array(expected[20...]))
    }

    @Test("IPv6 is left as it is")
    func v6() throws {
        let bytes = Wire.tcp(ParsingTests.a6, ParsingTests.b6)
        var packet = try #require(Packet(bytes))
        packet.apply(Translation(source: ParsingTests.a6, destination: ParsingTests.b6))
        #expect(packet.bytes == bytes)
    }
}
