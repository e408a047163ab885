import BodkinCore
import Testing

@testable import BodkinEmulation

@Suite("Faults")
struct FaultTests {
    /// A world, and what `a` and the server see of each other.
    private static func connected(_ preset: NATPreset = .portRestricted) throws -> (world: World, external: Endpoint, server: Endpoint) {
        let world = World(preset, .open)
        let server = Endpoint(world.address("server"), 443)
        let out = try #require(world.datagram(from: "a", to: server))
        return (world, out.packet.summary.flow.source, server)
    }

    private static func apply(_ text: String, _ world: World) throws {
        try world.network.apply(try #require(Fault(text)), at: world.now)
    }

    private static func reaches(_ world: World, _ external: Endpoint) -> Bool {
        world.datagram(from: "server", port: 443, to: external)?.host == "a"
    }

    @Test("after a reboot nothing gets in until the inside has sent again", arguments: ["reboot:a", "reboot:nat-a"])
    func reboot(text: String) throws {
        let (world, external, server) = try Self.connected()
        #expect(Self.reaches(world, external))
        try Self.apply(text, world)
        #expect(!Self.reaches(world, external))
        #expect(world.datagram(from: "a", to: server)?.packet.summary.flow.source == external)
        #expect(Self.reaches(world, external))
    }

    @Test("after a change of address the old one leads nowhere, and the new one is used", arguments: ["a", "nat-a"])
    func address(target: String) throws {
        let (world, external, server) = try Self.connected()
        try Self.apply("address:\(target):203.0.113.200", world)
        #expect(!Self.reaches(world, external))
        let moved = try #require(world.datagram(from: "a", to: server)).packet.summary.flow.source
        #expect(moved == "203.0.113.200:5000")
        #expect(Self.reaches(world, moved))
    }

    @Test(
        "an address that is taken is refused, and nothing changes",
        arguments: ["203.0.113.11", "198.51.100.1", "198.51.100.254", "203.0.113.13"])
    func taken(address: String) throws {
        let (world, external, _) = try Self.connected()
        #expect(throws: EmulatedNetwork.FaultRefusal.unusableAddress) { try Self.apply("address:a:\(address)", world) }
        #expect(throws: EmulatedNetwork.FaultRefusal.unusableAddress) {
            try world.network.apply(.addressChange("a", "2001:db8::77"), at: world.now)
        }
        #expect(Self.reaches(world, external))
    }

    @Test("a NAT behind a firewall can change its address too")
    func addressBehindFirewall() throws {
        var topology = Topology(seed: 1)
        topology.addServer()
        topology.addBox("wall", NATPreset.firewall.layers[0], inside: nil)
        topology.addBox("nat", NATParameters(), inside: "wall")
        topology.addHost("a", inside: "nat")
        let world = World(topology)
        let server = Endpoint(world.address("server"), 443)
        #expect(world.datagram(from: "a", to: server)?.host == "server")
        try Self.apply("address:a:203.0.113.200", world)
        let moved = try #require(world.datagram(from: "a", to: server)).packet.summary.flow.source
        #expect(moved == "203.0.113.200:5000")
        #expect(Self.reaches(world, moved))
    }

    @Test("a fault that cannot be says why")
    func refused() throws {
        let (world, _, _) = try Self.connected(.open)
        #expect(throws: EmulatedNetwork.FaultRefusal.unknownTarget) { try Self.apply("reboot:nobody", world) }
        #expect(throws: EmulatedNetwork.FaultRefusal.needsNAT) { try Self.apply("reboot:a", world) }
        #expect(throws: EmulatedNetwork.FaultRefusal.needsNAT) { try Self.apply("address:server:203.0.113.200", world) }
        let wall = World(.firewall, .open)
        #expect(throws: EmulatedNetwork.FaultRefusal.needsNAT) { try Self.apply("address:a:203.0.113.200", wall) }
    }

    @Test("a link that is down carries nothing either way until it is up")
    func link() throws {
        let (world, external, server) = try Self.connected()
        try Self.apply("down:a", world)
        #expect(world.datagram(from: "a", to: server) == nil)
        #expect(!Self.reaches(world, external))
        #expect(world.network.counters.lost == 2)
        try Self.apply("up:a", world)
        #expect(world.datagram(from: "a", to: server) != nil)
        #expect(Self.reaches(world, external))
    }

    @Test("a box's own link is another than its host's")
    func boxLink() throws {
        let (world, external, server) = try Self.connected()
        try Self.apply("down:nat-a", world)
        #expect(world.datagram(from: "a", to: server) == nil && !Self.reaches(world, external))
        try Self.apply("up:a", world)
        #expect(world.datagram(from: "a", to: server) == nil)
    }

    @Test("a blackhole swallows one direction for its time", arguments: [true, false])
    func blackhole(isUpward: Bool) throws {
        let (world, external, server) = try Self.connected()
        try Self.apply("blackhole:a:\(isUpward ? "up" : "down"):10s", world)
        for _ in 0..<4 {  // each try takes a second
            #expect((world.datagram(from: "a", to: server) == nil) == isUpward)
            #expect(Self.reaches(world, external) == isUpward)
        }
        world.wait(.seconds(2) - .nanoseconds(1))
        world.send(Wire.udp(Endpoint(world.address("a"), 5000), server), from: "a")
        #expect(world.wait().isEmpty == isUpward)
        world.wait(.nanoseconds(1))
        #expect(world.datagram(from: "a", to: server) != nil && Self.reaches(world, external))
    }

    @Test("a burst of loss takes its share of both directions for its time")
    func loss() throws {
        let (world, external, server) = try Self.connected()
        try Self.apply("loss:a:50%:100s", world)
        func share() -> (up: Int, down: Int) {
            var counts = (up: 0, down: 0)
            for _ in 0..<400 {
                world.send(Wire.udp(Endpoint(world.address("a"), 5000), server), from: "a")
                world.send(Wire.udp(server, external), from: "server")
                for arrival in world.wait() { if arrival.host == "a" { counts.down += 1 } else { counts.up += 1 } }
            }
            return counts
        }
        let during = share()
        #expect((150...250).contains(during.up) && (150...250).contains(during.down))
        world.wait(.seconds(100))
        let after = share()
        #expect(after.up == 400 && after.down == 400)
    }

    @Test("an injected RST replaces the next segment and reaches both ends, in sequence", arguments: [true, false])
    func reset(isOutward: Bool) throws {
        let world = World(.symmetricRandom, .open)
        let server = Endpoint(world.address("server"), 443)
        let host = Endpoint(world.address("a"), 5000)
        world.send(Wire.tcp(host, server, .syn), from: "a")
        let external = try #require(world.only()).packet.summary.flow.source
        world.send(Wire.tcp(server, external, [.syn, .ack]), from: "server")
        #expect(world.only()?.host == "a")
        try Self.apply("rst:a", world)
        #expect(world.datagram(from: "a", to: server)?.host == "server", "only TCP is hit")
        if isOutward {
            world.send(Wire.tcp(host, server, .ack, sequence: 2, acknowledgement: 50, payload: [1, 2, 3]), from: "a")
        } else {
            world.send(Wire.tcp(server, external, .ack, sequence: 50, acknowledgement: 2, payload: [1, 2, 3]), from: "server")
        }
        let arrived = world.wait(.seconds(1))
        #expect(arrived.count == 2 && Set(arrived.map(\.host)) == ["a", "server"])
        for arrival in arrived {
            let packet = arrival.packet
            let toServer = arrival.host == "server"
            #expect(packet.summary.flags.contains(.rst) && packet.payload.isEmpty && Wire.isCorrect(packet))
            #expect(packet.summary.flow == (toServer ? Flow(.tcp, from: external, to: server) : Flow(.tcp, from: server, to: host)))
            #expect(packet.bytes.longWord(24) == (toServer ? 2 : 50), "the sequence number that the receiver waits for")
        }
        world.send(Wire.tcp(host, server, .ack), from: "a")
        #expect(world.only()?.packet.summary.flags == .ack, "only one is hit")
    }

    @Test("faults are part of the timeline")
    func recorded() throws {
        let (world, _, _) = try Self.connected()
        _ = world.events()
        try Self.apply("down:a", world)
        #expect(world.events().contains { $0.place == "a" && $0.action == .fault("link down") })
    }
}
