import BodkinCore
import BodkinEmulation
import Testing

@Suite("ICMP errors about translated packets (RFC 5508 section 4)")
struct ErrorTests {
    private static let router: Endpoint = "198.51.100.254:0"

    /// An error from outside about a packet that left as `quoted`.
    private static func fromOutside(_ bench: Bench, about quoted: Flow) -> NATVerdict {
        let outer = Flow(.icmp, from: router, to: Endpoint(quoted.source.address, 0))
        return bench.nat.inbound(PacketSummary(outer, kind: .error(quoting: quoted)), at: bench.now)
    }

    /// An error from inside, by `sender`, about a packet that came in as `quoted`.
    private static func fromInside(_ bench: Bench, by sender: Endpoint, about quoted: Flow) -> NATVerdict {
        let outer = Flow(.icmp, from: sender, to: Endpoint(quoted.source.address, 0))
        return bench.nat.outbound(PacketSummary(outer, kind: .error(quoting: quoted)), at: bench.now)
    }

    @Test("an error from outside reaches the host and quotes what the host sent", arguments: [TransportProtocol.tcp, .udp, .icmp])
    func inward(transport: TransportProtocol) throws {
        let bench = Bench { $0.both { $0.allocation = .random } }
        let remote: Endpoint = transport == .icmp ? "198.51.100.1:0" : Bench.server
        let external = try #require(bench.external(towards: remote, over: transport))
        let verdict = Self.fromOutside(bench, about: Flow(transport, from: external, to: remote))
        let quoted = Flow(transport, from: Bench.host, to: remote)
        #expect(verdict == .passed(Translation(source: Self.router, destination: "192.168.1.10:0", quoted: quoted)))
    }

    @Test(
        "an error from inside leaves from the external address and quotes what the remote sent", arguments: [TransportProtocol.tcp, .udp],
        ["192.168.1.10:0", "192.168.1.1:0"] as [Endpoint])
    func outward(transport: TransportProtocol, sender: Endpoint) throws {
        let bench = Bench { $0.both { $0.allocation = .random } }
        let external = try #require(bench.external(over: transport))
        bench.receive(at: external, [.syn, .ack], over: transport)
        let verdict = Self.fromInside(bench, by: sender, about: Flow(transport, from: Bench.server, to: Bench.host))
        let quoted = Flow(transport, from: Bench.server, to: external)
        #expect(verdict == .passed(Translation(source: "203.0.113.1:0", destination: "198.51.100.1:0", quoted: quoted)))
    }

    @Test("errors about nothing known are stray, in both directions")
    func stray() throws {
        let bench = Bench()
        let external = try #require(bench.external())
        let unknown: [Flow] = [
            Flow(.tcp, from: external, to: Bench.stranger), Flow(.udp, from: external, to: Bench.server),
            Flow(.tcp, from: Bench.server, to: external), Flow(.tcp, from: Endpoint(external.address, 1), to: Bench.server),
        ]
        for flow in unknown { #expect(Self.fromOutside(bench, about: flow) == .refused(.silence, .stray)) }
        #expect(Self.fromInside(bench, by: "192.168.1.10:0", about: Flow(.tcp, from: Bench.stranger, to: Bench.host)).reason == .stray)
        #expect(Self.fromInside(bench, by: "192.168.1.10:0", about: Flow(.tcp, from: Bench.host, to: Bench.server)).reason == .stray)
    }

    @Test("an error ends no session and prolongs none (RFC 5508 section 4.3)")
    func harmless() throws {
        let bench = Bench()
        let external = try #require(bench.external(over: .udp))
        bench.wait(.seconds(119))
        #expect(Self.fromOutside(bench, about: Flow(.udp, from: external, to: Bench.server)).isPassed)
        #expect(bench.nat.sessionCount == 1)
        bench.wait(.seconds(1))
        #expect(!bench.receive(over: .udp).isPassed)
    }

    @Test("errors about IPv6 pass a box untranslated")
    func v6() {
        let bench = Bench()
        let flow = Flow(.tcp, from: "[2001:db8:a::10]:5", to: "[2001:db8:b::1]:443")
        bench.send(from: flow.source, to: flow.destination)
        let outer = Flow(.icmp, from: "[2001:db8::1]:0", to: "[2001:db8:a::10]:0")
        let verdict = bench.nat.inbound(PacketSummary(outer, kind: .error(quoting: flow)), at: bench.now)
        #expect(verdict == .passed(Translation(source: "[2001:db8::1]:0", destination: "[2001:db8:a::10]:0", quoted: flow)))
    }
}
