import BodkinCore
import BodkinEmulation
import Testing

@Suite("Routing: hops, neighbours, hairpins, carriers and paths")
struct RoutingTests {
    @Test(
        "each router on the way answers the packet that dies at it",
        arguments: [(1, "192.168.11.1"), (2, "198.51.100.254"), (3, "203.0.113.13")] as [(UInt8, IPAddress)])
    func traceroute(hops: UInt8, router: IPAddress) throws {
        let world = World(.portRestricted, .fullCone)
        let b = Endpoint(world.address("b"), 7000)
        world.send(Wire.udp(b, Endpoint(world.address("server"), 443)), from: "b")
        world.wait(.seconds(1))
        let target = Endpoint(world.external("nat-b"), 7000)
        let host = Endpoint(world.address("a"), 5000)
        world.send(Wire.udp(host, target, hops: hops), from: "a")
        let error = try #require(world.only())
        #expect(error.host == "a" && error.packet.bytes[20] == 11 && Wire.isCorrect(error.packet))
        #expect(error.packet.summary.flow.source.address == router)
        #expect(error.packet.quotedFlow == Flow(.udp, from: host, to: target))
        world.send(Wire.udp(host, target, hops: 4), from: "a")
        #expect(world.only()?.host == "b")
    }

    private static func lan(_ change: (inout NATParameters) -> Void = { _ in }) -> World {
        var topology = Topology(seed: 1)
        topology.addServer()
        var parameters = NATParameters()
        change(&parameters)
        topology.addBox("nat", parameters, inside: nil, link: LinkParameters(delay: .milliseconds(20)))
        for name in ["a", "c"] { topology.addHost(name, inside: "nat", link: LinkParameters(delay: .milliseconds(1))) }
        return World(topology)
    }

    @Test("neighbours on one LAN reach each other past the NAT, untranslated and at once")
    func neighbours() throws {
        let world = Self.lan()
        let arrival = try #require(world.datagram(from: "a", to: Endpoint(world.address("c"), 9)))
        #expect(arrival.host == "c" && arrival.milliseconds == 2)
        #expect(arrival.packet.summary.flow.source == Endpoint(world.address("a"), 5000) && arrival.packet.hops == 64)
        #expect(world.network.table(of: "nat")?.sessionCount == 0)
    }

    @Test("a hairpin reaches the neighbour by its external endpoint, without crossing the uplink", arguments: [true, false])
    func hairpin(isOn: Bool) throws {
        let world = Self.lan {
            $0.hairpin = isOn
            $0.udp.filtering = .endpointIndependent
        }
        let out = try #require(world.datagram(from: "c", port: 9, to: Endpoint(world.address("server"), 443)))
        let start = world.now
        let arrival = world.datagram(from: "a", to: out.packet.summary.flow.source)
        guard isOn else {
            #expect(arrival == nil && world.events().contains { $0.place == "nat" && $0.action == .refused(.silence, .unsolicited) })
            return
        }
        let packet = try #require(arrival)
        #expect(packet.host == "c" && packet.time.since(start) == .milliseconds(2) && Wire.isCorrect(packet.packet))
        #expect(packet.packet.summary.flow == Flow(.udp, from: Endpoint(world.external("nat"), 5000), to: Endpoint(world.address("c"), 9)))
        let answer = try #require(world.datagram(from: "c", port: 9, to: packet.packet.summary.flow.source))
        #expect(answer.host == "a" && answer.packet.summary.flow.source == out.packet.summary.flow.source)
    }

    @Test("what is for the outside address dies at the routers before the NAT that has it, and not there", arguments: [true, false])
    func ownAddress(leadsBack: Bool) throws {
        let world = Self.lan { $0.hairpin = leadsBack }
        let own = Endpoint(world.address("a"), 5000)
        #expect(world.datagram(from: "a", to: Endpoint(world.external("nat"), 33_434)) == nil)
        world.send(Wire.udp(own, Endpoint(world.external("nat"), 33_434), hops: 1), from: "a")
        #expect(world.only() == nil)
        let refusal = LabEvent.Action.refused(.silence, leadsBack ? .filtered : .unsolicited)
        #expect(world.events().contains { $0.place == "nat" && $0.action == refusal })
        let carried = World(.cgn, .open)
        carried.send(Wire.udp(Endpoint(carried.address("a"), 5000), Endpoint(carried.external("carrier-a"), 33_434), hops: 1), from: "a")
        #expect(carried.only()?.packet.bytes[20] == 11)
        carried.send(Wire.udp(Endpoint(carried.address("a"), 5000), Endpoint(carried.external("carrier-a"), 33_434), hops: 2), from: "a")
        #expect(carried.only() == nil)
    }

    @Test("what leads back inside through the NAT is sent on, and its hops are counted")
    func hairpinHops() throws {
        let world = Self.lan {
            $0.hairpin = true
            $0.udp.filtering = .endpointIndependent
        }
        let out = try #require(world.datagram(from: "c", port: 9, to: Endpoint(world.address("server"), 443)))
        world.send(Wire.udp(Endpoint(world.address("a"), 5000), out.packet.summary.flow.source, hops: 1), from: "a")
        let error = try #require(world.only())
        #expect(error.host == "a" && error.packet.bytes[20] == 11)
    }

    @Test("behind a carrier a packet is translated twice, and its answer twice back", arguments: [NATPreset.cgn, .cgnBlock])
    func carrier(preset: NATPreset) throws {
        let world = World(preset, .open)
        let server = Endpoint(world.address("server"), 443)
        let out = try #require(world.datagram(from: "a", to: server))
        let external = out.packet.summary.flow.source
        #expect(external.address == world.external("carrier-a") && (external.port == 5000) == (preset == .cgn))
        #expect(out.packet.hops == 61 && Wire.isCorrect(out.packet))
        #expect(world.topology.outsideAddress(of: "a") == external.address)
        #expect(IPPrefix("100.64.0.0/10")?.contains(world.external("nat-a")) == true)
        let back = try #require(world.datagram(from: "server", port: 443, to: external))
        #expect(back.host == "a" && back.packet.summary.flow == Flow(.udp, from: server, to: Endpoint(world.address("a"), 5000)))
        #expect(world.datagram(from: "b", to: external) == nil, "the home router's filter holds behind any carrier")
    }

    @Test("two homes of one carrier reach each other inside it")
    func sameCarrier() throws {
        var topology = Topology(seed: 1)
        topology.addServer()
        topology.addBox("carrier", NATPreset.fullCone.layers[0], inside: nil, isCarrier: true)
        for name in ["x", "y"] {
            topology.addBox("home-\(name)", NATPreset.fullCone.layers[0], inside: "carrier")
            topology.addHost(name, inside: "home-\(name)")
        }
        let world = World(topology)
        #expect(world.datagram(from: "y", port: 9, to: Endpoint(world.address("server"), 443))?.host == "server")
        let arrival = try #require(world.datagram(from: "x", to: Endpoint(world.external("home-y"), 9)))
        #expect(arrival.host == "y" && arrival.packet.summary.flow.source.address == world.external("home-x"))
    }

    @Test("a path between two on the core is added to their own links, in its direction only")
    func paths() {
        var topology = Topology.pair(.portRestricted, .open, link: LinkParameters(delay: .milliseconds(10)), seed: 1)
        topology.paths.append(Topology.Path(from: "nat-a", to: "b", link: LinkParameters(delay: .milliseconds(100))))
        let world = World(topology)
        let out = world.datagram(from: "a", to: Endpoint(world.address("b"), 7))
        #expect(out?.milliseconds == 110)
        #expect(world.datagram(from: "b", port: 7, to: Endpoint(world.external("nat-a"), 5000))?.milliseconds == 1010)
        #expect(world.datagram(from: "a", to: Endpoint(world.address("server"), 7))?.milliseconds == 2010)
    }

    @Test("a path may lose everything")
    func lossyPath() {
        var topology = Topology.pair(.open, .open, seed: 1)
        topology.paths.append(Topology.Path(from: "a", to: "b", link: LinkParameters(loss: 1)))
        let world = World(topology)
        #expect(world.datagram(from: "a", to: Endpoint(world.address("b"), 7)) == nil)
        #expect(world.datagram(from: "b", to: Endpoint(world.address("a"), 7))?.host == "a")
    }

    @Test("what crosses the core can be captured; what stays inside a LAN is not")
    func capture() {
        let world = Self.lan()
        world.network.isCapturing = true
        _ = world.datagram(from: "a", to: Endpoint(world.address("c"), 9))
        #expect(world.network.takeCaptured().isEmpty)
        _ = world.datagram(from: "a", to: Endpoint(world.address("server"), 9))
        let captured = world.network.takeCaptured()
        #expect(captured.count == 1 && captured.first?.1.summary.flow.source.address == world.external("nat"))
        #expect(world.network.takeCaptured().isEmpty)
    }
}
