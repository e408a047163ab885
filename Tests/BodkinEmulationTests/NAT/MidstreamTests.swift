import BodkinCore
import BodkinEmulation
import Testing

@Suite("Segments from inside that belong to no known connection")
struct MidstreamTests {
    @Test("a box that discards them says so and keeps nothing", arguments: [TCPFlags.ack, [.syn, .ack], [.fin, .ack], .rst, []])
    func discard(flags: TCPFlags) {
        let bench = Bench()
        #expect(bench.send(flags) == .refused(.silence, .midstream))
        #expect(bench.nat.sessionCount == 0 && bench.nat.mappingCount == 0)
    }

    @Test("a box that adopts them makes a connection, established once both sides have been heard")
    func adopt() {
        let bench = Bench { $0.midstream = .adopt }
        #expect(bench.send(.ack).isPassed)
        #expect(bench.receive(.ack).isPassed)
        bench.wait(.seconds(7000))
        #expect(bench.receive(.ack).isPassed)
    }

    @Test("an adopted connection that nobody answers is transitory")
    func unanswered() {
        let bench = Bench { $0.midstream = .adopt }
        bench.send(.ack)
        bench.wait(.seconds(240))
        #expect(!bench.receive(.ack).isPassed)
    }

    @Test("an RST is never adopted")
    func reset() {
        let bench = Bench { $0.midstream = .adopt }
        #expect(bench.send([.rst, .ack]).reason == .midstream)
    }

    @Test("after a reboot a connection goes on where it is adopted, and is lost where it is not", arguments: MidstreamPolicy.allCases)
    func reboot(policy: MidstreamPolicy) {
        let bench = Bench { $0.midstream = policy }
        bench.connect()
        bench.nat.reboot()
        #expect(bench.receive(.ack).reason == .unsolicited)
        #expect(bench.send(.ack).isPassed == (policy == .adopt))
        #expect(bench.receive(.ack).isPassed == (policy == .adopt))
    }

    @Test("UDP and echo queries have no beginning to miss", arguments: [TransportProtocol.udp, .icmp])
    func datagrams(transport: TransportProtocol) { #expect(Bench().send(over: transport).isPassed) }
}
