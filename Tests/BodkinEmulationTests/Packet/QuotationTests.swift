import BodkinCore
import Testing

@testable import BodkinEmulation

@Suite("Rewriting what ICMP errors quote (RFC 5508 section 4.2)")
struct QuotationTests {
    private static let host: Endpoint = "192.168.1.10:5000"
    private static let external: Endpoint = "203.0.113.1:7000"
    private static let server: Endpoint = "198.51.100.1:443"
    private static let router: IPAddress = "198.51.100.254"

    private static func datagram(_ transport: TransportProtocol, from source: Endpoint, to destination: Endpoint) -> [UInt8] {
        switch transport {
        case .tcp: Wire.tcp(source, destination, .ack, payload: [1, 2, 3])
        case .udp: Wire.udp(source, destination)
        case .icmp: Wire.echo(source.address, destination.address, identifier: source.port)
        }
    }

    /// The error about what left the box, as it reaches the box, cut to `count` bytes of the quoted transport, and rewritten by it.
    private static func rewritten(_ transport: TransportProtocol, _ count: Int) throws -> (packet: Packet, expected: [UInt8]) {
        let remotePort: UInt16 = transport == .icmp ? 0 : 443
        let remote = Endpoint(server.address, remotePort)
        let outside = datagram(transport, from: external, to: remote).prefix(20 + count)
        let inside = datagram(transport, from: host, to: remote).prefix(20 + count)
        var packet = try #require(Packet(Wire.error(3, 4, from: router, to: external.address, quoting: Array(outside))))
        packet.apply(
            Translation(
                source: Endpoint(router, 0), destination: Endpoint(host.address, 0), quoted: Flow(transport, from: host, to: remote)))
        return (packet, Wire.error(3, 4, from: router, to: host.address, quoting: Array(inside)))
    }

    @Test("the host reads what it sent itself, byte for byte", arguments: TransportProtocol.allCases, [8, 10, 16, 18, 20, 99])
    func inward(transport: TransportProtocol, count: Int) throws {
        let (packet, expected) = try Self.rewritten(transport, count)
        // Where the quotation ends before the transport's checksum, or within it, the rest is the same.
        #expect(packet.bytes == expected)
        #expect(Wire.isCorrect(packet))
        #expect(packet.summary == Packet(packet.bytes)?.summary)
    }

    @Test("a quoted datagram without a checksum stays without one")
    func noChecksum() throws {
        let outside = Wire.udp(Self.external, Self.server, hasChecksum: false)
        var packet = try #require(Packet(Wire.error(3, 3, from: Self.router, to: Self.external.address, quoting: outside)))
        packet.apply(
            Translation(
                source: Endpoint(Self.router, 0), destination: Endpoint(Self.host.address, 0),
                quoted: Flow(.udp, from: Self.host, to: Self.server)))
        let inside = Wire.udp(Self.host, Self.server, hasChecksum: false)
        #expect(packet.bytes == Wire.error(3, 3, from: Self.router, to: Self.host.address, quoting: inside))
    }

    @Test("a quoted datagram with a checksum never loses it")
    func keptChecksum() throws {
        let outside = Wire.udp(Self.external, Self.server)
        let error = try #require(Packet(Wire.error(3, 3, from: Self.router, to: Self.external.address, quoting: outside)))
        var lost = 0
        for port in 0...UInt16.max {
            var packet = error
            let inside = Endpoint(Self.host.address, port)
            packet.apply(
                Translation(
                    source: Endpoint(Self.router, 0), destination: Endpoint(inside.address, 0),
                    quoted: Flow(.udp, from: inside, to: Self.server)))
            if packet.bytes[54] == 0 && packet.bytes[55] == 0 { lost += 1 }
        }
        #expect(lost == 0)
    }

    @Test("a quoted IP header with options is rewritten in the right places")
    func options() throws {
        func withOptions(_ source: Endpoint) -> [UInt8] {
            var bytes = Wire.udp(source, Self.server)
            bytes.insert(contentsOf: [1, 1, 1, 0], at: 20)
            bytes[0] = 0x46
            bytes[3] += 4
            bytes.replaceSubrange(10..<12, with: [0, 0])
            bytes.replaceSubrange(10..<12, with: Wire.words(UInt16(0xFFFF - Wire.remainder(Array(bytes[..<24])))))
            return bytes
        }
        var packet = try #require(
            Packet(Wire.error(3, 3, from: Self.router, to: Self.external.address, quoting: withOptions(Self.external))))
        packet.apply(
            Translation(
                source: Endpoint(Self.router, 0), destination: Endpoint(Self.host.address, 0),
                quoted: Flow(.udp, from: Self.host, to: Self.server)))
        #expect(packet.bytes == Wire.error(3, 3, from: Self.router, to: Self.host.address, quoting: withOptions(Self.host)))
    }
}
