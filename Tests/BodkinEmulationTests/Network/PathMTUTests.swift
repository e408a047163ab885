import BodkinCore
import BodkinEmulation
import Testing

@Suite("Packets that do not fit (RFC 1191, RFC 8201)")
struct PathMTUTests {
    private static func world(_ preset: NATPreset = .symmetricRandom, _ narrow: (inout Topology) -> Void) -> World {
        var topology = Topology.pair(preset, .open, seed: 1)
        narrow(&topology)
        return World(topology)
    }

    private static let large = [UInt8](repeating: 7, count: 1372)  // 1400 bytes with its headers

    /// Whether an error says that the next link takes `mtu` bytes.
    private static func says(_ mtu: UInt32, _ packet: Packet) -> Bool {
        let offset = packet.bytes[0] >> 4 == 4 ? 20 : 40
        let type: [UInt8] = offset == 20 ? [3, 4] : [2, 0]
        return packet.bytes[offset..<(offset + 2)].elementsEqual(type)
            && packet.bytes[(offset + 4)..<(offset + 8)].elementsEqual(Wire.long(mtu))
    }

    @Test(
        "the box's narrow uplink tells the host, and quotes what the host itself sent",
        arguments: [NATPreset.symmetricRandom, .portRestricted, .firewall])
    func ownUplink(preset: NATPreset) throws {
        let world = Self.world(preset) { $0.updateBox("nat-a") { $0.up.mtu = 1300 } }
        let server = Endpoint(world.address("server"), 443)
        let error = try #require(world.datagram(from: "a", to: server, payload: Self.large))
        #expect(error.host == "a" && Self.says(1300, error.packet) && Wire.isCorrect(error.packet))
        #expect(error.packet.quotedFlow == Flow(.udp, from: Endpoint(world.address("a"), 5000), to: server))
        #expect(error.packet.summary.flow.destination.address == world.address("a"))
        #expect(world.network.counters.lost == 1)
    }

    @Test("a narrow link far away tells the host through the NAT, and quotes what the host itself sent")
    func farAway() throws {
        let world = Self.world { $0.updateHost("server") { $0.down.mtu = 1300 } }
        let server = Endpoint(world.address("server"), 443)
        let error = try #require(world.datagram(from: "a", to: server, payload: Self.large))
        #expect(error.host == "a" && Self.says(1300, error.packet) && Wire.isCorrect(error.packet))
        #expect(error.packet.quotedFlow == Flow(.udp, from: Endpoint(world.address("a"), 5000), to: server))
        #expect(Packet(error.packet.payload + [UInt8](repeating: 0, count: 1400)) != nil, "the quotation is a packet again")
    }

    @Test(
        "a narrow link inside tells the remote, who reads the external address only",
        arguments: [NATPreset.symmetricRandom, .portRestricted, .firewall])
    func inside(preset: NATPreset) throws {
        let world = Self.world(preset) { $0.updateHost("a") { $0.down.mtu = 1300 } }
        let server = Endpoint(world.address("server"), 443)
        let out = try #require(world.datagram(from: "a", to: server))
        let external = out.packet.summary.flow.source
        let error = try #require(world.datagram(from: "server", port: 443, to: external, payload: Self.large))
        #expect(error.host == "server" && Self.says(1300, error.packet) && Wire.isCorrect(error.packet))
        #expect(error.packet.quotedFlow == Flow(.udp, from: server, to: external))
        if preset != .firewall { #expect(error.packet.summary.flow.source.address == external.address) }
    }

    @Test("IPv6 is told in both directions")
    func v6() throws {
        let world = Self.world {
            $0.updateBox("nat-a") { $0.up.mtu = 1300 }
            $0.updateHost("a") { $0.down.mtu = 1290 }
        }
        let host = Endpoint(world.address6("a"), 5000)
        let server = Endpoint(world.address6("server"), 443)
        world.send(Wire.udp(host, server, payload: Self.large), from: "a")
        let outward = try #require(world.only())
        #expect(outward.host == "a" && Self.says(1300, outward.packet) && Wire.isCorrect(outward.packet))
        world.send(Wire.udp(server, host, payload: Self.large), from: "server")
        let inward = try #require(world.only())
        #expect(inward.host == "server" && Self.says(1290, inward.packet) && Wire.isCorrect(inward.packet))
    }

    @Test("a host's own narrow uplink tells the host")
    func host() throws {
        let world = Self.world { $0.updateHost("a") { $0.up.mtu = 1300 } }
        let error = try #require(world.datagram(from: "a", to: Endpoint(world.address("server"), 443), payload: Self.large))
        #expect(error.host == "a" && Self.says(1300, error.packet) && Wire.isCorrect(error.packet))
    }

    @Test("a carrier's narrow uplink tells the host through both NATs", arguments: [NATPreset.cgn, .cgnBlock])
    func carrier(preset: NATPreset) throws {
        let world = Self.world(preset) { $0.updateBox("carrier-a") { $0.up.mtu = 1300 } }
        let server = Endpoint(world.address("server"), 443)
        let error = try #require(world.datagram(from: "a", to: server, payload: Self.large))
        #expect(error.host == "a" && Self.says(1300, error.packet) && Wire.isCorrect(error.packet))
        #expect(error.packet.quotedFlow == Flow(.udp, from: Endpoint(world.address("a"), 5000), to: server))
    }

    @Test("a packet that just fits passes")
    func fits() {
        let world = Self.world { $0.updateBox("nat-a") { $0.up.mtu = 1400 } }
        #expect(world.datagram(from: "a", to: Endpoint(world.address("server"), 443), payload: Self.large)?.host == "server")
    }
}
