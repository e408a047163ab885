import BodkinCore
import BodkinEmulation
import Testing

@Suite("Table size")
struct CapacityTests {
    @Test("a full table refuses the next session in silence and serves the old ones", arguments: [TransportProtocol.tcp, .udp])
    func full(transport: TransportProtocol) {
        let bench = Bench { $0.tableSize = 3 }
        for port in 1...3 as ClosedRange<UInt16> { #expect(bench.send(to: Endpoint("198.51.100.1", port), over: transport).isPassed) }
        #expect(bench.send(to: Bench.server, over: transport) == .refused(.silence, .exhausted))
        #expect(bench.send(from: Bench.neighbour, over: transport) == .refused(.silence, .exhausted))
        #expect(bench.nat.sessionCount == 3 && bench.nat.mappingCount == 1)
        #expect(bench.receive(from: "198.51.100.1:2", [.syn, .ack], over: transport).isPassed)
    }

    @Test("a full table lets nobody in from outside either")
    func inbound() {
        let bench = Bench {
            $0.tableSize = 1
            $0.tcp.filtering = .endpointIndependent
        }
        bench.send()
        #expect(bench.receive(from: Bench.stranger) == .refused(.silence, .exhausted))
        #expect(bench.nat.sessionCount == 1)
    }

    @Test("a table has room again when a session ends")
    func roomAgain() {
        let bench = Bench { $0.tableSize = 1 }
        bench.send(over: .udp)
        bench.wait(.seconds(119))
        #expect(bench.send(to: Bench.stranger, over: .udp).reason == .exhausted)
        bench.wait(.seconds(1))
        #expect(bench.send(to: Bench.stranger, over: .udp).isPassed)
    }

    @Test("ten thousand sessions come and go and leave nothing")
    func cleaned() {
        let bench = Bench { $0.udp.mapping = .addressAndPortDependent }
        for number in 0..<10_000 as Range<UInt32> { bench.send(to: Endpoint(IPAddress(v4: 0xC633_0000 + number), 53), over: .udp) }
        #expect(bench.nat.sessionCount == 10_000 && bench.nat.mappingCount == 10_000)
        bench.wait(.seconds(120))
        bench.receive()
        #expect(bench.nat.sessionCount == 0 && bench.nat.mappingCount == 0)
    }
}

@Suite("Reboots and changes of address")
struct RebootTests {
    @Test("a reboot forgets every session and mapping")
    func reboot() {
        let bench = Bench { $0.both { $0.filtering = .endpointIndependent } }
        bench.connect()
        bench.send(over: .udp)
        bench.nat.reboot()
        #expect(bench.nat.sessionCount == 0 && bench.nat.mappingCount == 0)
        #expect(bench.receive(.ack).reason == .unsolicited)
        #expect(bench.receive(over: .udp).reason == .unsolicited)
        #expect(bench.external()?.address == Bench.external)
    }

    @Test("with another address, new mappings have it and the old one is deaf")
    func address() {
        let bench = Bench()
        bench.connect()
        bench.nat.reboot(externalAddress: "203.0.113.99")
        #expect(bench.external() == "203.0.113.99:5000")
        #expect(bench.receive(at: "203.0.113.99:5000", [.syn, .ack]).isPassed)
        #expect(bench.receive([.syn, .ack]).reason == .unsolicited)
    }

    @Test("what expired before a reboot does not end what came after it")
    func expiry() {
        let bench = Bench()
        bench.send(over: .udp)
        bench.wait(.seconds(60))
        bench.nat.reboot()
        bench.send(over: .udp)
        bench.wait(.seconds(61))
        #expect(bench.receive(over: .udp).isPassed)
    }

    @Test("a sequence goes on after a reboot rather than begin again")
    func sequence() throws {
        let bench = Bench { $0.tcp.allocation = .sequential(delta: 1) }
        let first = try #require(bench.external())
        bench.nat.reboot()
        #expect(bench.external()?.port == first.port + 1)
    }

    @Test("a firewall stays without an address")
    func firewall() {
        let bench = Bench { $0.translates = false }
        bench.nat.reboot(externalAddress: "203.0.113.99")
        #expect(bench.external() == Bench.host)
    }
}
