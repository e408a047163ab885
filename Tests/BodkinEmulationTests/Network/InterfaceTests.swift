import BodkinCore
import Testing

@testable import BodkinEmulation

@Suite("Hosts with several interfaces, as values")
struct InterfaceTests {
    /// Host a behind a NAT with a further interface behind another, host b in the open.
    private static func topology(_ preset: NATPreset = .portRestricted, link: LinkParameters = LinkParameters()) -> Topology {
        var topology = Topology.pair(.portRestricted, .open, seed: 1)
        topology.addInterface(to: "a", behind: preset, link: link)
        return topology
    }

    private static func complaint(_ change: (inout Topology) -> Void) -> String? {
        var topology = topology()
        change(&topology)
        do {
            try topology.validate()
            return nil
        } catch {
            return (error as? LabError).map { $0.code == .usage ? $0.message : "another code: \($0.code)" } ?? "another error"
        }
    }

    @Test("a further interface stands behind boxes of its own, in every preset", arguments: NATPreset.allCases)
    func boxes(preset: NATPreset) throws {
        let topology = Self.topology(preset)
        try topology.validate()
        let names = [[], ["nat-a-eth1"], ["nat-a-eth1", "carrier-a-eth1"]][preset.layers.count]
        #expect(topology.boxes(above: "a.eth1").map(\.name) == names)
        #expect(topology.boxes(above: "a").map(\.name) == ["nat-a"])
        let outermost = topology.boxes(above: "a.eth1").last { $0.parameters.translates }
        #expect(topology.outsideAddress(of: "a.eth1") == outermost?.external ?? topology.interface("a.eth1")?.addresses.first)
    }

    @Test("interfaces are named by host and device, the first by the host alone too")
    func names() {
        var topology = Self.topology()
        #expect(topology.addInterface(to: "a", inside: nil).name == "a.eth2")
        #expect(topology.addInterface(to: "b", inside: "nat-a").name == "b.eth1")
        #expect(topology.interfaces(of: "a").map(\.device) == ["eth0", "eth1", "eth2"])
        #expect(topology.interfaces.map(\.name) == ["server", "a", "a.eth1", "a.eth2", "b", "b.eth1"])
        #expect(topology.interface("a") == topology.interface("a.eth0") && topology.interface("a") == topology.host("a")?.interface)
        #expect(topology.interface("a.eth3") == nil && topology.interface("nat-a.eth0") == nil && topology.interfaces(of: "c").isEmpty)
        let addresses = topology.interfaces.flatMap { $0.addresses + $0.addresses6 }
        #expect(Set(addresses).count == addresses.count)
    }

    @Test("each interface sends by its own NAT and is answered there")
    func ways() throws {
        let world = World(Self.topology())
        let server = Endpoint(world.address("server"), 443)
        for (name, box) in [("a", "nat-a"), ("a.eth1", "nat-a-eth1")] {
            let arrival = try #require(world.datagram(from: name, to: server))
            #expect(arrival.packet.summary.flow.source == Endpoint(world.external(box), 5000))
            #expect(world.datagram(from: "server", port: 443, to: arrival.packet.summary.flow.source)?.host == name)
        }
    }

    @Test("what leaves by one interface with the address of another is discarded by the NAT there, and passes where there is none")
    func foreignSource() throws {
        let world = World(Self.topology())
        let server = Endpoint(world.address("server"), 443)
        let packet = Wire.udp(Endpoint(world.address("a.eth1"), 5000), server)
        world.send(packet, from: "a")
        #expect(world.only() == nil)
        #expect(world.events().contains { $0.place == "nat-a" && $0.action == .unroutable })
        world.send(packet, from: "b")
        #expect(world.only()?.host == "server")
    }

    @Test("a fault hits the interface that it names, and no other", arguments: ["a", "a.eth0", "a.eth1"])
    func faults(name: String) throws {
        let world = World(Self.topology())
        let server = Endpoint(world.address("server"), 443)
        try world.network.apply(.link(name, isUp: false), at: world.now)
        #expect((world.datagram(from: "a", to: server) == nil) == (name != "a.eth1"))
        #expect((world.datagram(from: "a.eth1", to: server) == nil) == (name == "a.eth1"))
        #expect(try world.network.apply(.reboot(name), at: world.now) == (name == "a.eth1" ? "nat-a-eth1" : "nat-a"))
    }

    @Test("text changes the outermost link of the interface that it names, and its nearest box")
    func text() throws {
        var topology = Self.topology(.cgn)
        topology.addInterface(to: "b", inside: nil)
        try topology.changeLink("a.eth1:up,delay=7ms")
        try topology.changeLink("b.eth1,loss=100%")
        try topology.changeLink("b.eth0,mtu=1400")
        try topology.changeBox("a.eth1:hairpin=yes")
        #expect(topology.box("carrier-a-eth1")?.up.delay == .milliseconds(7) && topology.box("carrier-a-eth1")?.down.delay == .zero)
        #expect(topology.interface("b.eth1")?.up.loss == 1 && topology.interface("b.eth1")?.down.loss == 1)
        #expect(topology.host("b")?.up.mtu == 1400 && topology.host("b")?.up.loss == 0)
        #expect(topology.box("nat-a-eth1")?.parameters.hairpin == true && topology.box("nat-a")?.parameters.hairpin == false)
        #expect(throws: LabError.self) { try topology.changeLink("a.eth2,loss=1%") }
    }

    @Test("an interface of nobody, in nowhere, on an impossible link or of a name that is taken is refused")
    func refused() {
        #expect(Self.complaint { _ in } == nil)
        #expect(Self.complaint { $0.addInterface(to: "nobody", inside: nil) }?.contains("nobody") == true)
        #expect(Self.complaint { $0.addInterface(to: "a", inside: "nowhere") }?.contains("nowhere") == true)
        #expect(Self.complaint { $0.updateInterface("a.eth1") { $0.down.mtu = 5 } }?.contains("a.eth1") == true)
        #expect(Self.complaint { $0.updateInterface("a.eth1") { $0.addresses = $0.gateways } } != nil, "the NAT's own address")
        #expect(Self.complaint { $0.addHost("a-eth1", inside: nil) }?.contains("BODKIN_LAB_A_ETH1") == true)
        #expect(Self.complaint { $0.addHost("address-eth1", inside: nil) }?.contains("BODKIN_LAB_ADDRESS_ETH1") == true)
        #expect(Self.complaint { topology in for _ in 0..<200 { topology.addInterface(to: "a", inside: nil) } } != nil)
    }

    @Test("a path of the core may begin at an interface")
    func path() {
        #expect(Self.complaint { $0.paths.append(Topology.Path(from: "a.eth1", to: "b", link: LinkParameters())) } != nil, "behind a NAT")
        var topology = Self.topology(.open)
        topology.paths.append(Topology.Path(from: "a.eth1", to: "b", link: LinkParameters(delay: .milliseconds(100))))
        let world = World(topology)
        #expect(world.datagram(from: "a.eth1", to: Endpoint(world.address("b"), 7))?.milliseconds == 100)
    }
}
