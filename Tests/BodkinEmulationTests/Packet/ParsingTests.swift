import BodkinCore
import BodkinEmulation
import Testing

@Suite("Reading packets")
struct ParsingTests {
    static let a: Endpoint = "192.168.1.10:5000"
    static let b: Endpoint = "198.51.100.1:443"
    static let a6: Endpoint = "[2001:db8:a::10]:5000"
    static let b6: Endpoint = "[2001:db8:b::1]:443"

    /// One good packet of every kind.
    static var samples: [[UInt8]] {
        [
            Wire.tcp(a, b, [.syn], options: [2, 4, 5, 0xB4]), Wire.tcp(a6, b6, [.ack], payload: [1, 2, 3, 4, 5]), Wire.udp(a, b),
            Wire.udp(a6, b6),
            Wire.echo(a.address, b.address, identifier: 7), Wire.echo(b6.address, a6.address, identifier: 7, isReply: true),
            Wire.error(3, 3, from: b.address, to: a.address, quoting: Wire.udp(a, b)),
            Wire.error(2, 0, from: b6.address, to: a6.address, quoting: Wire.tcp(a6, b6)),
        ]
    }

    @Test("ports and flags are those of the bytes", arguments: [(a, b), (a6, b6)])
    func tcp(source: Endpoint, destination: Endpoint) throws {
        for raw in 0...63 as ClosedRange<UInt8> {
            let packet = try #require(Packet(Wire.tcp(source, destination, TCPFlags(rawValue: raw))))
            #expect(packet.summary == PacketSummary(Flow(.tcp, from: source, to: destination), flags: TCPFlags(rawValue: raw)))
        }
        #expect(Packet(Wire.udp(source, destination))?.summary == PacketSummary(Flow(.udp, from: source, to: destination)))
    }

    @Test("a SYN asks for a connection, a SYN-ACK does not")
    func request() {
        #expect(Packet(Wire.tcp(Self.a, Self.b, .syn))?.summary.isConnectionRequest == true)
        #expect(Packet(Wire.tcp(Self.a, Self.b, [.syn, .ack]))?.summary.isConnectionRequest == false)
        #expect(Packet(Wire.udp(Self.a, Self.b))?.summary.isConnectionRequest == false)
    }

    @Test("an echo query has its identifier as source port, the reply as destination port", arguments: [(a, b), (a6, b6)])
    func echo(source: Endpoint, destination: Endpoint) {
        let query = Packet(Wire.echo(source.address, destination.address, identifier: 77))
        #expect(query?.summary.flow == Flow(.icmp, from: Endpoint(source.address, 77), to: Endpoint(destination.address, 0)))
        let reply = Packet(Wire.echo(destination.address, source.address, identifier: 77, isReply: true))
        #expect(reply?.summary.flow == query?.summary.flow.reversed)
    }

    @Test("an error names the flow that it quotes, even from eight bytes of it", arguments: [(a, b), (a6, b6)])
    func error(source: Endpoint, destination: Endpoint) {
        let types: [UInt8] = source.address.family == .v4 ? [3, 11, 12] : [1, 2, 3, 4]
        for type in types {
            for quoted in [Wire.tcp(source, destination), Wire.udp(source, destination)] {
                let flow = Packet(quoted)?.summary.flow
                let short = Array(quoted.prefix(source.address.family == .v4 ? 28 : 48))
                for quotation in [quoted, short] {
                    let error = Packet(Wire.error(type, 0, from: destination.address, to: source.address, quoting: quotation))
                    #expect(error?.summary.kind == flow.map { .error(quoting: $0) })
                }
            }
        }
    }

    @Test("an error about an echo query quotes its identifier; one about a reply is refused")
    func echoError() {
        let query = Wire.echo(Self.a.address, Self.b.address, identifier: 77)
        let error = Packet(Wire.error(11, 0, from: Self.b.address, to: Self.a.address, quoting: query))
        #expect(error?.summary.kind == .error(quoting: Flow(.icmp, from: "192.168.1.10:77", to: "198.51.100.1:0")))
        let reply = Wire.echo(Self.a.address, Self.b.address, identifier: 77, isReply: true)
        #expect(Packet(Wire.error(11, 0, from: Self.b.address, to: Self.a.address, quoting: reply)) == nil)
    }

    @Test("options of IPv4 and extension headers of IPv6 are stepped over")
    func options() throws {
        var v4 = Wire.tcp(Self.a, Self.b, .syn)
        v4.insert(contentsOf: [1, 1, 1, 0], at: 20)
        v4[0] = 0x46
        v4[3] += 4
        #expect(Packet(v4)?.summary.flow == Flow(.tcp, from: Self.a, to: Self.b))
        var v6 = Wire.tcp(Self.a6, Self.b6, .syn)
        v6.insert(contentsOf: [60, 0, 1, 4, 0, 0, 0, 0] + [6, 1] + [UInt8](repeating: 0, count: 14), at: 40)
        v6[5] += 24
        v6[6] = 0
        #expect(Packet(v6)?.summary.flow == Flow(.tcp, from: Self.a6, to: Self.b6))
    }

    @Test("fragments of both families: the first has ports, later ones an identification")
    func fragments() {
        let (first, second) = Wire.fragments(of: Wire.udp(Self.a, Self.b, payload: [UInt8](repeating: 5, count: 40)), at: 16)
        #expect(Packet(first)?.summary == PacketSummary(Flow(.udp, from: Self.a, to: Self.b), followedByFragments: 0x1234))
        let ends = Flow(.udp, from: "192.168.1.10:0", to: "198.51.100.1:0")
        #expect(Packet(second)?.summary == PacketSummary(ends, kind: .laterFragment(identification: 0x1234)))
        func v6(_ offsetAndMore: UInt16) -> [UInt8] {
            var packet = Wire.udp(Self.a6, Self.b6)
            packet.insert(contentsOf: [17, 0] + Wire.words(offsetAndMore) + [0, 0, 0, 9], at: 40)
            packet[5] += 8
            packet[6] = 44
            return packet
        }
        #expect(Packet(v6(1))?.summary.followedByFragments == 9)
        #expect(Packet(v6(0))?.summary == PacketSummary(Flow(.udp, from: Self.a6, to: Self.b6)), "an atomic fragment (RFC 6946)")
        #expect(Packet(v6(8))?.summary.kind == .laterFragment(identification: 9))
    }

    @Test("bytes after the end that the header names do not belong to the packet")
    func trailing() {
        for sample in Self.samples { #expect(Packet(sample + [0xAA, 0xBB, 0xCC])?.bytes == sample) }
    }
}
