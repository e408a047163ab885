import BodkinCore
import BodkinEmulation
import Testing

@Suite("Mapping behaviour (RFC 4787 section 4.1)")
struct MappingTests {
    static let transports: [TransportProtocol] = [.tcp, .udp]

    @Test(
        "one mapping serves as many remotes as the behaviour says",
        arguments: [
            (Mapping.endpointIndependent, true, true), (.addressDependent, true, false), (.addressAndPortDependent, false, false),
        ], transports)
    func sharing(row: (mapping: Mapping, samePort: Bool, sameAddress: Bool), transport: TransportProtocol) {
        let bench = Bench {
            $0.both { $0.allocation = .sequential(delta: 1) }
            $0.both { $0.mapping = row.mapping }
        }
        let first = bench.external(over: transport)
        let otherPort = bench.external(towards: Bench.serverOtherPort, over: transport)
        let otherAddress = bench.external(towards: Bench.stranger, over: transport)
        #expect(first != nil && otherPort != nil && otherAddress != nil)
        #expect((first == otherPort) == row.samePort)
        #expect((first == otherAddress) == row.sameAddress)
        #expect(bench.nat.mappingCount == Set([first, otherPort, otherAddress]).count)
        #expect(bench.nat.sessionCount == 3)
    }

    @Test("the same flow keeps its mapping", arguments: Mapping.allCases, transports)
    func stable(mapping: Mapping, transport: TransportProtocol) {
        let bench = Bench {
            $0.both { $0.allocation = .random }
            $0.both { $0.mapping = mapping }
        }
        let first = bench.external(over: transport)
        #expect(first?.address == Bench.external)
        #expect(bench.external(over: transport) == first)
        #expect(bench.nat.externalEndpoint(of: Bench.host, transport, towards: Bench.server) == first)
    }

    @Test("an address-dependent mapping is found by any port of its remote, and by no other remote")
    func lookUp() {
        let bench = Bench { $0.tcp.mapping = .addressDependent }
        let external = bench.external()
        #expect(bench.nat.externalEndpoint(of: Bench.host, .tcp, towards: Bench.serverOtherPort) == external)
        #expect(bench.nat.externalEndpoint(of: Bench.host, .tcp, towards: Bench.stranger) == nil)
        #expect(bench.nat.externalEndpoint(of: Bench.neighbour, .tcp, towards: Bench.server) == nil)
        #expect(bench.nat.externalEndpoint(of: Bench.host, .udp, towards: Bench.server) == nil)
    }

    @Test("answers find the way back to the internal endpoint", arguments: Mapping.allCases, transports)
    func answers(mapping: Mapping, transport: TransportProtocol) throws {
        let bench = Bench {
            $0.both { $0.allocation = .random }
            $0.both { $0.mapping = mapping }
        }
        let external = try #require(bench.external(over: transport))
        let verdict = bench.receive(at: external, [.syn, .ack], over: transport)
        #expect(verdict == .passed(Translation(source: Bench.server, destination: Bench.host)))
    }

    @Test("two internal hosts never share a mapping", arguments: Mapping.allCases)
    func hosts(mapping: Mapping) {
        let bench = Bench { $0.tcp.mapping = mapping }
        #expect(bench.external(of: Bench.host) != bench.external(of: Bench.neighbour))
    }

    @Test("TCP and UDP are mapped each in its own way")
    func independent() {
        let bench = Bench {
            $0.both { $0.allocation = .sequential(delta: 1) }
            $0.tcp.mapping = .addressAndPortDependent
        }
        #expect(bench.external(over: .udp) == bench.external(towards: Bench.stranger, over: .udp))
        #expect(bench.external(over: .tcp) != bench.external(towards: Bench.stranger, over: .tcp))
    }

    @Test("an echo query is mapped by its identifier, and its reply comes back")
    func echo() throws {
        let bench = Bench()
        let query: Endpoint = "192.168.1.10:77"
        let external = try #require(bench.external(of: query, towards: "198.51.100.1:0", over: .icmp))
        let reply = bench.receive(from: "198.51.100.1:0", at: external, over: .icmp)
        #expect(reply.destination == query)
        #expect(bench.receive(from: "198.51.100.2:0", at: external, over: .icmp).reason == .filtered)
    }

    @Test("two hosts may use one identifier, zero too, and each gets its own reply", arguments: [0, 77] as [UInt16])
    func identifiers(identifier: UInt16) throws {
        let bench = Bench()
        for host in ["192.168.1.10", "192.168.1.11"] as [IPAddress] {
            let external = try #require(bench.external(of: Endpoint(host, identifier), towards: "198.51.100.1:0", over: .icmp))
            #expect(bench.receive(from: "198.51.100.1:0", at: external, over: .icmp).destination == Endpoint(host, identifier))
        }
    }

    @Test("a reply from inside to a query that was never let in opens nothing")
    func strayReply() {
        let bench = Bench()
        #expect(bench.send(from: "192.168.1.10:0", to: "198.51.100.1:77", over: .icmp) == .refused(.silence, .midstream))
        #expect(bench.receive(from: "198.51.100.1:77", at: "203.0.113.1:0", over: .icmp).reason == .unsolicited)
    }
}
