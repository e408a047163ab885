import BodkinCore
import Testing

@testable import BodkinEmulation

@Suite("A family that is configured and leads nowhere")
struct BrokenFamilyTests {
    /// Whether datagrams of each family get from one host to another.
    private static func passes(_ world: World, from: String, to: String) -> (v4: Bool, v6: Bool) {
        world.send(Wire.udp(Endpoint(world.address(from), 5000), Endpoint(world.address(to), 7)), from: from)
        let v4 = world.only()?.host == to
        world.send(Wire.udp(Endpoint(world.address6(from), 5000), Endpoint(world.address6(to), 7)), from: from)
        return (v4, world.only()?.host == to)
    }

    @Test("a broken family is lost both ways, the other passes", arguments: [IPAddress.Family.v4, .v6], ["break:a", "break:nat-a"])
    func fault(family: IPAddress.Family, text: String) throws {
        let world = World(.fullCone, .open)
        let name = family == .v4 ? "ipv4" : "ipv6"
        #expect(Self.passes(world, from: "a", to: "server") == (true, true))
        try world.network.apply(try #require(Fault("\(text):\(name)")), at: world.now)
        #expect(Self.passes(world, from: "a", to: "server") == (family == .v6, family == .v4))
        let external = Endpoint(world.external("nat-a"), 5000)
        #expect((world.datagram(from: "server", to: external)?.host == "a") == (family == .v6))
        try world.network.apply(try #require(Fault("mend:\(text.dropFirst(6)):\(name)")), at: world.now)
        #expect(Self.passes(world, from: "a", to: "server") == (true, true))
    }

    @Test("it is lost without a word, also where it would not fit the link")
    func silence() throws {
        var topology = Topology.pair(.open, .open, seed: 1)
        try topology.changeLink("a,broken=ipv4,mtu=1280")
        let world = World(topology)
        #expect(world.datagram(from: "a", to: Endpoint(world.address("b"), 7), payload: [UInt8](repeating: 0, count: 1400)) == nil)
        #expect(world.datagram(from: "b", to: Endpoint(world.address("a"), 7), payload: [UInt8](repeating: 0, count: 1400)) == nil)
        #expect(world.network.counters.lost == 2)
    }

    @Test("one direction may be broken, of a link and of a path through the core")
    func oneWay() throws {
        var topology = Topology.pair(.open, .open, seed: 1)
        try topology.changeLink("a:up,broken=ipv4")
        topology.paths.append(Topology.Path(from: "b", to: "server", link: LinkParameters(broken: [.v6])))
        let world = World(topology)
        #expect(Self.passes(world, from: "a", to: "server") == (false, true))
        #expect(Self.passes(world, from: "server", to: "a") == (true, true))
        #expect(Self.passes(world, from: "b", to: "server") == (true, false))
        #expect(Self.passes(world, from: "server", to: "b") == (true, true))
    }

    @Test("an RST that is to be injected waits for a segment that is not lost")
    func injection() throws {
        let world = World(.open, .open)
        for text in ["break:a:ipv4", "rst:a"] { try world.network.apply(try #require(Fault(text)), at: world.now) }
        let (a, server) = (Endpoint(world.address("a"), 5000), Endpoint(world.address("server"), 443))
        world.send(Wire.tcp(a, server, .ack), from: "a")
        #expect(world.wait(.seconds(1)).isEmpty)
        let (a6, server6) = (Endpoint(world.address6("a"), 5000), Endpoint(world.address6("server"), 443))
        world.send(Wire.tcp(a6, server6, .ack), from: "a")
        #expect(Set(world.wait(.seconds(1)).map(\.host)) == ["a", "server"])
    }

    @Test("the text of a link knows the families", arguments: [("ipv4", [.v4]), ("ipv6", [.v6]), ("none", [])] as [(String, Set<IPAddress.Family>)])
    func text(value: String, broken: Set<IPAddress.Family>) throws {
        var topology = Topology.pair(.portRestricted, .open, seed: 1)
        topology.updateBox("nat-a") { $0.down.broken = [.v4, .v6] }
        try topology.changeLink("a,broken=\(value)")
        #expect(topology.box("nat-a")?.up.broken == broken && topology.box("nat-a")?.down.broken == broken)
    }

    @Test("what is no family is refused in one line", arguments: ["4", "", "IPv4", "both", "ipv4+ipv6"])
    func refused(value: String) {
        var topology = Topology.pair(.portRestricted, .open, seed: 1)
        #expect(throws: LabError.self) { try topology.changeLink("a,broken=\(value)") }
    }
}
