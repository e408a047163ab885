import BodkinCore
import BodkinEmulation
import Testing

@Suite("Refusals of unsolicited packets (RFC 5382 section 4.3)")
struct RefusalTests {
    @Test("an unsolicited SYN gets what the box is set to", arguments: Refusal.allCases)
    func syn(refusal: Refusal) {
        let bench = Bench { $0.tcp.unsolicited = refusal }
        #expect(bench.receive() == .refused(refusal, .unsolicited))
        bench.send()
        #expect(bench.receive(from: Bench.stranger) == .refused(refusal, .filtered))
    }

    @Test("an unsolicited datagram gets what the box is set to for UDP, not for TCP", arguments: Refusal.allCases)
    func datagram(refusal: Refusal) {
        let bench = Bench { $0.udp.unsolicited = refusal }
        #expect(bench.receive(over: .udp).refusal == refusal)
        #expect(bench.receive(over: .tcp).refusal == .silence)
    }

    @Test(
        "segments that open nothing are met with silence", arguments: [TCPFlags.ack, [.syn, .ack], .rst, [.rst, .ack], [.fin, .ack], []])
    func others(flags: TCPFlags) {
        let bench = Bench { $0.tcp.unsolicited = .reset }
        #expect(bench.receive(flags).refusal == .silence)
    }

    @Test("an unsolicited echo query is met with silence")
    func echo() {
        let bench = Bench { $0.both { $0.unsolicited = .unreachable } }
        #expect(bench.receive(from: "198.51.100.1:7", at: "203.0.113.1:0", over: .icmp) == .refused(.silence, .unsolicited))
    }

    @Test("refusing leaves nothing behind in the table", arguments: Refusal.allCases)
    func noTrace(refusal: Refusal) {
        let bench = Bench { $0.both { $0.unsolicited = refusal } }
        bench.receive()
        bench.receive(over: .udp)
        #expect(bench.nat.sessionCount == 0 && bench.nat.mappingCount == 0)
    }
}

@Suite("Ports that are allowed out")
struct AllowedPortTests {
    @Test("where UDP is blocked no datagram leaves and TCP does")
    func udpBlocked() {
        let bench = Bench { $0.udp.allowedPorts = [] }
        #expect(bench.send(over: .udp) == .refused(.silence, .forbidden))
        #expect(bench.send(over: .tcp).isPassed)
        #expect(bench.nat.sessionCount == 1)
    }

    @Test(
        "where only port 443 is allowed, only that passes",
        arguments: [(443, true), (80, false), (444, false), (0, false)] as [(UInt16, Bool)])
    func only443(port: UInt16, passes: Bool) {
        let bench = Bench {
            $0.udp.allowedPorts = []
            $0.tcp.allowedPorts = [443]
        }
        let remote = Endpoint("198.51.100.1", port)
        #expect(bench.send(to: remote).isPassed == passes)
        #expect(bench.send(to: remote, over: .udp).reason == .forbidden)
    }

    @Test("answers from an allowed port come in, and IPv6 obeys the same rule")
    func answers() {
        let bench = Bench { $0.tcp.allowedPorts = [443] }
        bench.send()
        #expect(bench.receive([.syn, .ack]).isPassed)
        #expect(bench.send(from: "[2001:db8:a::1]:5", to: "[2001:db8:b::1]:443").isPassed)
        #expect(bench.send(from: "[2001:db8:a::1]:5", to: "[2001:db8:b::1]:80").reason == .forbidden)
    }

    @Test("echo queries are not held to ports")
    func echo() {
        let bench = Bench { $0.both { $0.allowedPorts = [] } }
        #expect(bench.send(from: "192.168.1.10:7", to: "198.51.100.1:0", over: .icmp).isPassed)
    }
}
