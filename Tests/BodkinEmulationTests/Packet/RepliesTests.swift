import BodkinCore
import Testing

@testable import BodkinEmulation

@Suite("Packets that a box makes itself")
struct RepliesTests {
    private static let ends: [(Endpoint, Endpoint)] = [(ParsingTests.a, ParsingTests.b), (ParsingTests.a6, ParsingTests.b6)]

    /// The sequence, acknowledgement and flags of a segment.
    private static func fields(_ packet: Packet) -> (sequence: UInt32, acknowledgement: UInt32, flags: TCPFlags) {
        (packet.bytes.longWord(packet.upperOffset + 4), packet.bytes.longWord(packet.upperOffset + 8), packet.summary.flags)
    }

    @Test("the RST to a SYN acknowledges it (RFC 9293 section 3.10.7.1)", arguments: ends)
    func resetOfSYN(source: Endpoint, destination: Endpoint) throws {
        let syn = try #require(Packet(Wire.tcp(source, destination, .syn, sequence: 0xFFFF_FFFF, options: [2, 4, 5, 180])))
        let reset = try #require(syn.reset())
        #expect(reset.summary.flow == syn.summary.flow.reversed)
        #expect(Self.fields(reset) == (0, 0, [.rst, .ack]))
        #expect(Wire.isCorrect(reset))
    }

    @Test("the RST to a segment with data and FIN acknowledges them all", arguments: ends)
    func resetOfData(source: Endpoint, destination: Endpoint) throws {
        let segment = try #require(Packet(Wire.tcp(source, destination, .fin, sequence: 100, payload: [1, 2, 3])))
        let reset = try #require(segment.reset())
        #expect(Self.fields(reset) == (0, 104, [.rst, .ack]))
        #expect(Wire.isCorrect(reset))
    }

    @Test("the RST to a segment with ACK has its acknowledgement as sequence", arguments: ends)
    func resetOfACK(source: Endpoint, destination: Endpoint) throws {
        let segment = try #require(Packet(Wire.tcp(source, destination, [.syn, .ack], sequence: 100, acknowledgement: 777)))
        let reset = try #require(segment.reset())
        #expect(Self.fields(reset) == (777, 0, .rst))
        #expect(Wire.isCorrect(reset))
    }

    @Test("a forged RST stands in the segment's own place", arguments: ends)
    func forged(source: Endpoint, destination: Endpoint) throws {
        let segment = try #require(
            Packet(Wire.tcp(source, destination, .ack, sequence: 100, acknowledgement: 777, options: [1, 1, 1, 0], payload: [1])))
        let reset = try #require(segment.forgedReset())
        #expect(reset.summary.flow == segment.summary.flow)
        #expect(Self.fields(reset) == (100, 777, [.rst, .ack]))
        #expect(reset.count == (source.address.family == .v4 ? 40 : 60))
        #expect(Wire.isCorrect(reset))
    }

    @Test("nothing answers an RST, a datagram, an echo or an error with an RST")
    func noReset() throws {
        let a = ParsingTests.a
        let b = ParsingTests.b
        for bytes in [
            Wire.tcp(a, b, .rst), Wire.udp(a, b), Wire.echo(a.address, b.address, identifier: 1),
            Wire.error(3, 3, from: a.address, to: b.address, quoting: Wire.tcp(b, a)),
        ] {
            let packet = try #require(Packet(bytes))
            #expect(packet.reset() == nil && packet.forgedReset() == nil)
        }
    }

    @Test("an error quotes the packet, and has the type and code of its family")
    func errors() throws {
        let cases: [(Packet.ErrorMessage, [UInt8], [UInt8])] = [
            (.portUnreachable, [3, 3], [1, 4]), (.timeExceeded, [11, 0], [3, 0]), (.tooBig(mtu: 1400), [3, 4], [2, 0]),
        ]
        for (message, v4, v6) in cases {
            for (source, destination) in Self.ends {
                let bytes = Wire.udp(source, destination)
                let packet = try #require(Packet(bytes))
                let isV4 = source.address.family == .v4
                let sender: IPAddress = isV4 ? "203.0.113.9" : "2001:db8::9"
                let error = try #require(packet.error(message, from: sender))
                let body = Array(error.bytes[error.upperOffset...])
                #expect(Array(body[..<2]) == (isV4 ? v4 : v6))
                if case .tooBig = message {
                    #expect(body[4..<8].elementsEqual(Wire.long(1400)))
                } else {
                    #expect(body[4..<8].elementsEqual([0, 0, 0, 0]))
                }
                #expect(Array(body[8...]) == bytes)
                #expect(error.summary.flow.source.address == sender && error.summary.flow.destination.address == source.address)
                #expect(error.summary.kind == .error(quoting: packet.summary.flow))
                #expect(Wire.isCorrect(error))
            }
        }
    }

    @Test("an error about a large packet is at most 576 bytes long in IPv4 and 1280 in IPv6")
    func size() throws {
        for (source, destination) in Self.ends {
            let packet = try #require(Packet(Wire.udp(source, destination, payload: [UInt8](repeating: 1, count: 1400))))
            let isV4 = source.address.family == .v4
            let error = try #require(packet.error(.portUnreachable, from: isV4 ? "203.0.113.9" : "2001:db8::9"))
            #expect(error.count == (isV4 ? 576 : 1280))
            #expect(Wire.isCorrect(error))
        }
    }

    @Test("there is no error about an error, about a later fragment, or from another family")
    func none() throws {
        let datagram = Wire.udp(ParsingTests.a, ParsingTests.b, payload: [UInt8](repeating: 1, count: 40))
        let error = try #require(Packet(Wire.error(3, 3, from: ParsingTests.b.address, to: ParsingTests.a.address, quoting: datagram)))
        #expect(error.error(.timeExceeded, from: "203.0.113.9") == nil)
        let pieces = Wire.fragments(of: datagram, at: 16)
        #expect(try #require(Packet(pieces.second)).error(.timeExceeded, from: "203.0.113.9") == nil)
        #expect(try #require(Packet(pieces.first)).error(.timeExceeded, from: "203.0.113.9") != nil)
        #expect(try #require(Packet(datagram)).error(.timeExceeded, from: "2001:db8::9") == nil)
    }
}
