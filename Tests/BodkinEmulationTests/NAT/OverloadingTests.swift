import BodkinCore
import BodkinEmulation
import Testing

@Suite("Port overloading: one external port for several remotes, as in Linux")
struct OverloadingTests {
    private static func masquerade() -> Bench { Bench { $0.both { $0.mapping = .addressAndPortDependent } } }

    @Test("two hosts with one local port share it towards different remotes")
    func shared() {
        let bench = Self.masquerade()
        #expect(bench.external(of: Bench.host, towards: Bench.server)?.port == 5000)
        #expect(bench.external(of: Bench.neighbour, towards: Bench.stranger)?.port == 5000)
        #expect(bench.receive(from: Bench.server, [.syn, .ack]).destination == Bench.host)
        #expect(bench.receive(from: Bench.stranger, [.syn, .ack]).destination == Bench.neighbour)
    }

    @Test("different ports of one remote are different remotes")
    func sharedByPort() {
        let bench = Self.masquerade()
        bench.send(from: Bench.host, to: Bench.server)
        #expect(bench.external(of: Bench.neighbour, towards: Bench.serverOtherPort)?.port == 5000)
    }

    @Test("towards the same remote the second host gets another port")
    func collision() throws {
        let bench = Self.masquerade()
        bench.send(from: Bench.host, to: Bench.server)
        let second = try #require(bench.external(of: Bench.neighbour, towards: Bench.server))
        #expect(second.port != 5000)
        #expect(bench.receive(at: second, [.syn, .ack]).destination == Bench.neighbour)
        #expect(bench.receive([.syn, .ack]).destination == Bench.host)
    }

    @Test("a shared port goes back to the one who still uses it")
    func oneEnds() {
        let bench = Self.masquerade()
        bench.send(from: Bench.host, to: Bench.server, over: .udp)
        bench.wait(.seconds(60))
        bench.send(from: Bench.neighbour, to: Bench.stranger, over: .udp)
        bench.wait(.seconds(60))
        #expect(bench.receive(from: Bench.server, over: .udp).reason == .filtered)
        #expect(bench.receive(from: Bench.stranger, over: .udp).destination == Bench.neighbour)
        #expect(bench.external(of: Bench.neighbour, towards: Bench.server, over: .udp)?.port == 5000)
    }

    @Test("an address-dependent mapping shares a port only between addresses")
    func byAddress() {
        let bench = Bench { $0.tcp.mapping = .addressDependent }
        bench.send(from: Bench.host, to: Bench.server)
        #expect(bench.external(of: Bench.neighbour, towards: Bench.serverOtherPort)?.port != 5000)
        #expect(bench.external(of: Bench.neighbour, towards: Bench.stranger)?.port == 5000)
    }

    @Test(
        "other allocations never share a port",
        arguments: [PortAllocation.random, .preserving, .sequential(delta: 1), .dependent(delta: 1)])
    func others(allocation: PortAllocation) {
        let bench = Bench {
            $0.tcp.mapping = .addressAndPortDependent
            $0.tcp.allocation = allocation
            $0.ports = 1000...1009
        }
        let ports = (1...10 as ClosedRange<UInt16>).compactMap {
            bench.external(of: Bench.host, towards: Endpoint("198.51.100.1", $0))?.port
        }
        #expect(Set(ports).count == 10)
        #expect(bench.send(to: "198.51.100.1:11").reason == .exhausted)
    }
}
