import BodkinCore
import BodkinEmulation
import Testing

@Suite("From host to host")
struct DeliveryTests {
    @Test("the delay of a pair is the one-way delay between any two of its hosts")
    func delay() throws {
        let world = World(.portRestricted, .open, link: LinkParameters(delay: .milliseconds(25)))
        let arrival = try #require(world.datagram(from: "a", to: Endpoint(world.address("server"), 443)))
        #expect(arrival.host == "server" && arrival.milliseconds == 25)
        let between = World(.open, .open, link: LinkParameters(delay: .milliseconds(40)))
        #expect(between.datagram(from: "a", to: Endpoint(between.address("b"), 443))?.milliseconds == 40)
    }

    @Test("up and down may take different times")
    func unequal() throws {
        var topology = Topology(seed: 1)
        topology.addServer()
        topology.addHost("a", behind: .open)
        topology.updateHost("a") {
            $0.up.delay = .milliseconds(30)
            $0.down.delay = .milliseconds(7)
        }
        let world = World(topology)
        #expect(world.datagram(from: "a", to: Endpoint(world.address("server"), 443))?.milliseconds == 30)
        #expect(world.datagram(from: "server", to: Endpoint(world.address("a"), 443))?.milliseconds == 1007)
    }

    @Test("a connection through a NAT: out translated, back untranslated, checksums right, one hop per box and one for the core")
    func throughNAT() throws {
        let world = World(.symmetricRandom, .open)
        let server = Endpoint(world.address("server"), 443)
        let host = Endpoint(world.address("a"), 5000)
        world.send(Wire.tcp(host, server, .syn, options: [2, 4, 5, 180]), from: "a")
        let syn = try #require(world.only()).packet
        #expect(syn.summary.flow.source.address == world.external("nat-a"))
        #expect(syn.summary.flow.destination == server)
        #expect(syn.hops == 62 && Wire.isCorrect(syn))
        world.send(Wire.tcp(server, syn.summary.flow.source, [.syn, .ack]), from: "server")
        let answer = try #require(world.only())
        #expect(answer.host == "a" && answer.packet.summary.flow == Flow(.tcp, from: server, to: host))
        #expect(answer.packet.hops == 62 && Wire.isCorrect(answer.packet))
    }

    @Test("jitter delays, and never reorders, also when time moves on in leaps")
    func order() throws {
        let link = LinkParameters(delay: .microseconds(10), jitter: .milliseconds(3))
        let world = World(.portRestricted, .open, link: link)
        let port = try #require(world.network.port(of: "a"))
        let server = Endpoint(world.address("server"), 443)
        // As a program does that reads packets before it looks at the clock's queue: nothing is advanced between two packets.
        for number in 0..<200 as Range<UInt8> {
            let packet = try #require(Packet(Wire.udp(Endpoint(world.address("a"), 5000), server, payload: [number])))
            world.network.send(packet, from: port, at: LabInstant.start.advanced(by: .microseconds(40) * Int(number)))
        }
        world.now = LabInstant.start.advanced(by: .microseconds(40) * 199)
        let arrived = world.wait(.seconds(1)).map { $0.packet.payload[0] }
        #expect(arrived == Array(0..<200))
    }

    @Test("what was sent earlier and has arrived goes before what is sent now, also when nobody advanced the network in between")
    func sendAdvances() throws {
        var topology = Topology(seed: 1)
        topology.addServer()
        topology.addHost("far", behind: .open, link: LinkParameters(delay: .milliseconds(5)))
        topology.addHost("near", behind: .open)
        let world = World(topology)
        world.send(Wire.udp(Endpoint(world.address("far"), 1), Endpoint(world.address("server"), 9)), from: "far")
        world.now = LabInstant.start.advanced(by: .milliseconds(6))
        world.send(Wire.udp(Endpoint(world.address("near"), 1), Endpoint(world.address("server"), 9)), from: "near")
        let sources = world.wait(.seconds(1)).map(\.packet.summary.flow.source.address)
        #expect(sources == [world.address("far"), world.address("near")])
    }

    @Test("IPv6 passes a NAT with its own addresses, once called for")
    func v6() throws {
        let world = World(.portRestricted, .open)
        let host = Endpoint(world.address6("a"), 5000)
        let server = Endpoint(world.address6("server"), 443)
        world.send(Wire.udp(server, host), from: "server")
        #expect(world.wait(.seconds(1)).isEmpty)
        world.send(Wire.udp(host, server), from: "a")
        #expect(world.only()?.packet.summary.flow == Flow(.udp, from: host, to: server))
        world.send(Wire.udp(server, host), from: "server")
        #expect(world.only()?.host == "a")
    }

    @Test("what nobody has is unroutable, and so is a source that is not of this inside")
    func unroutable() {
        let world = World(.portRestricted, .open)
        #expect(world.datagram(from: "a", to: "9.9.9.9:53") == nil)
        #expect(world.events().contains { $0.place == "core" && $0.action == .unroutable })
        world.send(Wire.udp("10.9.9.9:1", Endpoint(world.address("server"), 443)), from: "a")
        #expect(world.wait(.seconds(1)).isEmpty)
        #expect(world.events().contains { $0.place == "nat-a" && $0.action == .unroutable })
    }

    @Test("a refusal reaches the one who called", arguments: [(NATPreset.portRestrictedRST, true), (.portRestrictedICMP, false)])
    func refusals(preset: NATPreset, isReset: Bool) throws {
        let world = World(preset, .open)
        let caller = Endpoint(world.address("b"), 6000)
        let called = Endpoint(world.external("nat-a"), 5000)
        let syn = Wire.tcp(caller, called, .syn, sequence: 41)
        world.send(syn, from: "b")
        let answer = try #require(world.only())
        #expect(answer.host == "b" && Wire.isCorrect(answer.packet))
        if isReset {
            #expect(answer.packet.summary == PacketSummary(Flow(.tcp, from: called, to: caller), flags: [.rst, .ack]))
            #expect(answer.packet.bytes[28..<32].elementsEqual(Wire.long(42)))
        } else {
            #expect(answer.packet.summary.flow.source.address == called.address)
            #expect(answer.packet.quotedFlow == Flow(.tcp, from: caller, to: called))
        }
    }

    @Test("a box that strips timestamps does so in both directions, and checksums stay right")
    func timestamps() throws {
        var topology = Topology(seed: 1)
        topology.addServer()
        var parameters = NATParameters()
        parameters.stripsTimestamps = true
        topology.addBox("nat", parameters, inside: nil)
        topology.addHost("a", inside: "nat")
        let world = World(topology)
        let host = Endpoint(world.address("a"), 5000)
        let server = Endpoint(world.address("server"), 443)
        let options: [UInt8] = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]
        world.send(Wire.tcp(host, server, .syn, options: options), from: "a")
        let syn = try #require(world.only()).packet
        world.send(Wire.tcp(server, syn.summary.flow.source, [.syn, .ack], options: options), from: "server")
        let answer = try #require(world.only()).packet
        for packet in [syn, answer] { #expect(packet.bytes[40..<52].allSatisfy { $0 == 1 } && Wire.isCorrect(packet)) }
    }

    @Test("counters count")
    func counters() {
        let world = World(.portRestricted, .open)
        _ = world.datagram(from: "a", to: Endpoint(world.address("server"), 443))
        _ = world.datagram(from: "server", to: Endpoint(world.external("nat-a"), 1))
        _ = world.datagram(from: "a", to: "9.9.9.9:53")
        let counters = world.network.counters
        #expect(counters.sent == 3 && counters.delivered == 1 && counters.refused == 1 && counters.lost == 0)
    }
}
