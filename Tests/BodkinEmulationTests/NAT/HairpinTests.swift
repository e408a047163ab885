import BodkinCore
import BodkinEmulation
import Testing

@Suite("Hairpinning (RFC 4787 section 6, RFC 5382 section 7.2)")
struct HairpinTests {
    private static func bench(_ filtering: Filtering = .endpointIndependent, isOn: Bool = true) -> Bench {
        Bench {
            $0.hairpin = isOn
            $0.both { $0.filtering = filtering }
        }
    }

    @Test("a host reaches its neighbour's external endpoint, and is seen by its own", arguments: [TransportProtocol.tcp, .udp])
    func on(transport: TransportProtocol) throws {
        let bench = Self.bench()
        let external = try #require(bench.external(of: Bench.host, over: transport))
        let verdict = bench.send(from: "192.168.1.11:6000", to: external, over: transport)
        #expect(verdict == .turnedBack(Translation(source: "203.0.113.1:6000", destination: Bench.host)))
        let answer = bench.send(from: Bench.host, to: "203.0.113.1:6000", [.syn, .ack], over: transport)
        #expect(answer == .turnedBack(Translation(source: external, destination: "192.168.1.11:6000")))
    }

    @Test("a box without it refuses, in its usual manner", arguments: Refusal.allCases)
    func off(refusal: Refusal) throws {
        let bench = Bench { $0.tcp.unsolicited = refusal }
        let external = try #require(bench.external(of: Bench.host))
        #expect(bench.send(from: Bench.neighbour, to: external) == .refused(refusal, .unsolicited))
        #expect(bench.nat.sessionCount == 1)
    }

    @Test("the filter holds inside as it does outside: both must have sent")
    func filtered() throws {
        let bench = Self.bench(.addressAndPortDependent)
        let first = try #require(bench.external(of: Bench.host))
        let second = try #require(bench.external(of: "192.168.1.11:6000"))
        #expect(bench.send(from: "192.168.1.11:6000", to: first).reason == .filtered)
        #expect(bench.send(from: Bench.host, to: second).isTurnedBack)
        #expect(bench.send(from: "192.168.1.11:6000", to: first).isTurnedBack)
    }

    @Test("an external endpoint that nobody has reaches nobody")
    func nobody() {
        let bench = Self.bench()
        #expect(bench.send(to: "203.0.113.1:7777").translation == nil)
    }

    @Test("a firewall has no external address to turn back from")
    func firewall() {
        let bench = Bench {
            $0.translates = false
            $0.hairpin = true
        }
        #expect(bench.send(to: Endpoint(Bench.external, 80)).isPassed)
    }
}
