import BodkinCore
import BodkinEmulation
import Testing

@Suite("A stateful firewall, and IPv6 behind any box")
struct FirewallTests {
    private static let v6: Endpoint = "[2001:db8:a::10]:5000"
    private static let remote6: Endpoint = "[2001:db8:b::1]:443"

    @Test("a firewall changes no endpoint in either direction", arguments: [TransportProtocol.tcp, .udp])
    func untouched(transport: TransportProtocol) {
        let bench = Bench { $0.translates = false }
        let out = bench.send(over: transport)
        #expect(out == .passed(Translation(source: Bench.host, destination: Bench.server)))
        let back = bench.receive(at: Bench.host, [.syn, .ack], over: transport)
        #expect(back == .passed(Translation(source: Bench.server, destination: Bench.host)))
        #expect(bench.nat.externalAddress == nil)
    }

    @Test("a firewall lets nobody in who was not called", arguments: Filtering.allCases)
    func closed(filtering: Filtering) {
        let bench = Bench {
            $0.translates = false
            $0.tcp.filtering = filtering
        }
        #expect(bench.receive(at: Bench.host).reason == .unsolicited)
        bench.send()
        #expect(bench.receive(from: Bench.server, at: Bench.host).isPassed)
        #expect(bench.receive(from: Bench.stranger, at: Bench.host).isPassed == (filtering == .endpointIndependent))
        #expect(bench.receive(from: Bench.server, at: Bench.neighbour).reason == .unsolicited)
    }

    @Test("hosts behind a firewall keep equal local ports apart by their addresses")
    func hosts() {
        let bench = Bench { $0.translates = false }
        #expect(bench.external(of: Bench.host) == Bench.host)
        #expect(bench.external(of: Bench.neighbour) == Bench.neighbour)
        #expect(bench.receive(at: Bench.neighbour, [.syn, .ack]).destination == Bench.neighbour)
    }

    @Test(
        "IPv6 keeps its address and port behind every allocation",
        arguments: [
            PortAllocation.equal, .preserving, .random, .sequential(delta: 1), .dependent(delta: 1), .block(size: 64, isRandom: true),
        ],
        Mapping.allCases)
    func v6Untranslated(allocation: PortAllocation, mapping: Mapping) {
        let bench = Bench {
            $0.both { $0.allocation = allocation }
            $0.both { $0.mapping = mapping }
        }
        #expect(bench.send(from: Self.v6, to: Self.remote6) == .passed(Translation(source: Self.v6, destination: Self.remote6)))
        #expect(bench.receive(from: Self.remote6, at: Self.v6, [.syn, .ack]).destination == Self.v6)
    }

    @Test("IPv6 is filtered as the behaviour says", arguments: Filtering.allCases)
    func v6Filtered(filtering: Filtering) {
        let bench = Bench { $0.both { $0.filtering = filtering } }
        #expect(bench.receive(from: Self.remote6, at: Self.v6).reason == .unsolicited)
        bench.send(from: Self.v6, to: Self.remote6)
        #expect(bench.receive(from: "[2001:db8:b::1]:9", at: Self.v6).isPassed == (filtering != .addressAndPortDependent))
        #expect(bench.receive(from: "[2001:db8:c::1]:9", at: Self.v6).isPassed == (filtering == .endpointIndependent))
    }

    @Test("IPv6 takes no port away from IPv4")
    func v6NoPorts() {
        let bench = Bench()
        bench.send(from: Self.v6, to: Self.remote6)
        #expect(bench.external(of: Bench.host)?.port == 5000)
    }
}
