import BodkinCore
import Testing

@testable import BodkinEmulation

@Suite("Hops and timestamps")
struct HopTests {
    @Test("a hop is taken off and the checksum follows", arguments: [2, 3, 64, 128, 255] as [UInt8])
    func taken(hops: UInt8) throws {
        var packet = try #require(Packet(Wire.udp(ParsingTests.a, ParsingTests.b, hops: hops)))
        let taken = packet.takeHop()
        #expect(taken && packet.bytes == Wire.udp(ParsingTests.a, ParsingTests.b, hops: hops - 1))
        var packet6 = try #require(Packet(Wire.udp(ParsingTests.a6, ParsingTests.b6, hops: hops)))
        let taken6 = packet6.takeHop()
        #expect(taken6 && packet6.bytes == Wire.udp(ParsingTests.a6, ParsingTests.b6, hops: hops - 1))
    }

    @Test("the last hop cannot be taken", arguments: [0, 1] as [UInt8])
    func last(hops: UInt8) throws {
        for bytes in [Wire.udp(ParsingTests.a, ParsingTests.b, hops: hops), Wire.udp(ParsingTests.a6, ParsingTests.b6, hops: hops)] {
            var packet = try #require(Packet(bytes))
            let taken = packet.takeHop()
            #expect(!taken && packet.bytes == bytes)
        }
    }

    private static let timestamps: [UInt8] = [8, 10, 1, 2, 3, 4, 0, 0, 0, 0]

    @Test(
        "timestamps become no-operations wherever they stand, and the checksum follows",
        arguments: [
            [2, 4, 5, 180, 4, 2] + timestamps + [1, 3, 3, 7],  // as Linux sends them
            [1, 1] + timestamps, [1] + timestamps + [1], timestamps + [0, 0], [3, 3, 7] + timestamps + [0, 0, 0],
        ] as [[UInt8]], [TCPFlags.syn, [.syn, .ack]])
    func stripped(options: [UInt8], flags: TCPFlags) throws {
        var packet = try #require(Packet(Wire.tcp(ParsingTests.a, ParsingTests.b, flags, options: options)))
        packet.stripTimestamps()
        let place = try #require(options.firstRange(of: Self.timestamps)?.lowerBound)
        var expected = options
        expected.replaceSubrange(place..<(place + 10), with: [UInt8](repeating: 1, count: 10))
        #expect(packet.bytes == Wire.tcp(ParsingTests.a, ParsingTests.b, flags, options: expected))
    }

    @Test("timestamps go from IPv6 too")
    func v6() throws {
        var packet = try #require(Packet(Wire.tcp(ParsingTests.a6, ParsingTests.b6, .syn, options: [1, 1] + Self.timestamps)))
        packet.stripTimestamps()
        #expect(packet.bytes == Wire.tcp(ParsingTests.a6, ParsingTests.b6, .syn, options: [UInt8](repeating: 1, count: 12)))
    }

    @Test("what is no SYN, or has broken options, is left alone")
    func untouched() throws {
        let broken: [[UInt8]] = [
            [8, 0, 1, 1], [8, 1, 1, 1], [8, 10, 0, 0], [0, 0, 8, 10], [2, 4, 5, 180, 1, 1, 1, 8], [5, 255, 8, 2],
        ]
        for options in broken {
            let bytes = Wire.tcp(ParsingTests.a, ParsingTests.b, .syn, options: options)
            var packet = try #require(Packet(bytes))
            packet.stripTimestamps()
            #expect(packet.bytes == bytes)
        }
        let segment = Wire.tcp(ParsingTests.a, ParsingTests.b, .ack, options: [1, 1] + Self.timestamps)
        var packet = try #require(Packet(segment))
        packet.stripTimestamps()
        #expect(packet.bytes == segment)
    }
}
