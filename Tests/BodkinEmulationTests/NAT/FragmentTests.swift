import BodkinCore
import BodkinEmulation
import Testing

@Suite("Fragments (RFC 4787 section 11)")
struct FragmentTests {
    private static func first(_ identification: UInt32 = 7, from source: Endpoint = Bench.host, to destination: Endpoint = Bench.server)
        -> PacketSummary
    {
        PacketSummary(Flow(.udp, from: source, to: destination), followedByFragments: identification)
    }

    private static func later(
        _ identification: UInt32 = 7, from source: IPAddress = "192.168.1.10", to destination: IPAddress = "198.51.100.1"
    ) -> PacketSummary {
        PacketSummary(
            Flow(.udp, from: Endpoint(source, 0), to: Endpoint(destination, 0)), kind: .laterFragment(identification: identification))
    }

    @Test("later fragments go the way of their first one, outwards")
    func outward() {
        let bench = Bench()
        let verdict = bench.nat.outbound(Self.first(), at: bench.now)
        #expect(verdict.source == "203.0.113.1:5000")
        #expect(bench.nat.outbound(Self.later(), at: bench.now) == verdict)
        #expect(bench.nat.outbound(Self.later(), at: bench.now) == verdict)
    }

    @Test("later fragments go the way of their first one, inwards")
    func inward() {
        let bench = Bench()
        bench.send(over: .udp)
        let verdict = bench.nat.inbound(Self.first(from: Bench.server, to: "203.0.113.1:5000"), at: bench.now)
        #expect(verdict.destination == Bench.host)
        #expect(bench.nat.inbound(Self.later(from: "198.51.100.1", to: "203.0.113.1"), at: bench.now) == verdict)
    }

    @Test("later fragments of a packet that is turned back are turned back")
    func hairpin() {
        let bench = Bench {
            $0.hairpin = true
            $0.udp.filtering = .endpointIndependent
        }
        bench.send(over: .udp)
        let verdict = bench.nat.outbound(Self.first(from: "192.168.1.11:6000", to: "203.0.113.1:5000"), at: bench.now)
        #expect(verdict.isTurnedBack)
        #expect(bench.nat.outbound(Self.later(from: "192.168.1.11", to: "203.0.113.1"), at: bench.now) == verdict)
    }

    @Test("a later fragment without its first one is stray")
    func stray() {
        let bench = Bench()
        _ = bench.nat.outbound(Self.first(), at: bench.now)
        #expect(bench.nat.outbound(Self.later(8), at: bench.now).reason == .stray)
        #expect(bench.nat.outbound(Self.later(from: "192.168.1.11"), at: bench.now).reason == .stray)
        #expect(bench.nat.outbound(Self.later(to: "198.51.100.2"), at: bench.now).reason == .stray)
    }

    @Test("later fragments of a refused packet are refused")
    func refused() {
        let bench = Bench()
        #expect(bench.nat.inbound(Self.first(from: Bench.server, to: "203.0.113.1:5000"), at: bench.now).translation == nil)
        #expect(bench.nat.inbound(Self.later(from: "198.51.100.1", to: "203.0.113.1"), at: bench.now).reason == .stray)
    }

    @Test("fragments are waited for 30 s")
    func lifetime() {
        let bench = Bench()
        _ = bench.nat.outbound(Self.first(), at: bench.now)
        bench.wait(.seconds(30) - .nanoseconds(1))
        #expect(bench.nat.outbound(Self.later(), at: bench.now).isPassed)
        bench.wait(.nanoseconds(1))
        #expect(bench.nat.outbound(Self.later(), at: bench.now).reason == .stray)
    }

    @Test("no more than 1024 packets in fragments are remembered, and old ones make room")
    func bounded() {
        let bench = Bench()
        for identification in 0..<2000 as Range<UInt32> { _ = bench.nat.outbound(Self.first(identification), at: bench.now) }
        #expect(bench.nat.outbound(Self.later(1023), at: bench.now).isPassed)
        #expect(bench.nat.outbound(Self.later(1024), at: bench.now).reason == .stray)
        bench.wait(.seconds(30))
        _ = bench.nat.outbound(Self.first(5000), at: bench.now)
        #expect(bench.nat.outbound(Self.later(5000), at: bench.now).isPassed)
    }

    @Test("a reboot forgets them")
    func reboot() {
        let bench = Bench()
        _ = bench.nat.outbound(Self.first(), at: bench.now)
        bench.nat.reboot()
        #expect(bench.nat.outbound(Self.later(), at: bench.now).reason == .stray)
    }
}
