import BodkinCore
import BodkinEmulation
import Testing

@Suite("Filtering behaviour (RFC 4787 section 5)")
struct FilteringTests {
    @Test(
        "who may send to a mapping is what the behaviour says",
        arguments: [
            (Filtering.endpointIndependent, true, true), (.addressDependent, true, false), (.addressAndPortDependent, false, false),
        ], [TransportProtocol.tcp, .udp])
    func admission(row: (filtering: Filtering, otherPort: Bool, stranger: Bool), transport: TransportProtocol) {
        let bench = Bench { $0.both { $0.filtering = row.filtering } }
        bench.send(over: transport)
        #expect(bench.receive(over: transport).isPassed)
        #expect(bench.receive(from: Bench.serverOtherPort, over: transport).isPassed == row.otherPort)
        #expect(bench.receive(from: Bench.stranger, over: transport).isPassed == row.stranger)
    }

    @Test("an unsolicited SYN to an address-dependent NAT that has contacted the host is let in")
    func contacted() {
        let bench = Bench { $0.tcp.filtering = .addressDependent }
        bench.send(to: Bench.server)
        #expect(bench.receive(from: Bench.serverOtherPort) == .passed(Translation(source: Bench.serverOtherPort, destination: Bench.host)))
    }

    @Test("what a stranger is refused for is named: no mapping, or a filter that does not know him", arguments: Filtering.allCases)
    func reasons(filtering: Filtering) {
        let bench = Bench { $0.tcp.filtering = filtering }
        #expect(bench.receive().reason == .unsolicited)
        bench.send()
        let verdict = bench.receive(from: Bench.stranger)
        #expect(filtering == .endpointIndependent ? verdict.isPassed : verdict.reason == .filtered)
    }

    @Test("an address-dependent filter forgets a host with the last session towards it")
    func forgotten() {
        let bench = Bench { $0.udp.filtering = .addressDependent }
        bench.send(to: Bench.server, over: .udp)
        bench.wait(.seconds(60))
        bench.send(to: Bench.stranger, over: .udp)
        bench.wait(.seconds(60))
        #expect(bench.receive(from: Bench.serverOtherPort, over: .udp).reason == .filtered)
        #expect(bench.receive(from: "198.51.100.2:9", over: .udp).isPassed)
    }

    @Test("two sessions towards one host are one contact until both have ended")
    func counted() {
        let bench = Bench { $0.udp.filtering = .addressDependent }
        bench.send(to: Bench.server, over: .udp)
        bench.wait(.seconds(60))
        bench.send(to: Bench.serverOtherPort, over: .udp)
        bench.wait(.seconds(60))
        #expect(bench.receive(from: "198.51.100.1:9", over: .udp).isPassed)
    }

    @Test("a host that was only let in is no contact: what it sends keeps the filter open to nobody else")
    func letInOnly() {
        let bench = Bench { $0.udp.filtering = .addressDependent }
        bench.send(to: Bench.server, over: .udp)
        bench.wait(.seconds(60))
        #expect(bench.receive(from: Bench.serverOtherPort, over: .udp).isPassed)
        bench.wait(.seconds(61))
        #expect(bench.receive(from: "198.51.100.1:9", over: .udp).reason == .filtered)
        #expect(bench.receive(from: Bench.serverOtherPort, over: .udp).isPassed)
    }

    @Test("a host that was let in becomes a contact once the inside answers it")
    func answered() {
        let bench = Bench { $0.udp.filtering = .addressDependent }
        bench.send(to: Bench.server, over: .udp)
        bench.wait(.seconds(60))
        bench.receive(from: Bench.serverOtherPort, over: .udp)
        bench.send(to: Bench.serverOtherPort, over: .udp)
        bench.wait(.seconds(61))  // the first session is gone, the answered one is not
        #expect(bench.receive(from: "198.51.100.1:9", over: .udp).isPassed)
    }

    @Test("a segment that is no SYN opens nothing, however open the filter", arguments: [TCPFlags.ack, [.syn, .ack], .rst, [.fin, .ack]])
    func noSYN(flags: TCPFlags) {
        let bench = Bench { $0.tcp.filtering = .endpointIndependent }
        bench.send()
        #expect(bench.receive(from: Bench.stranger, flags) == .refused(.silence, .stray))
        #expect(bench.nat.sessionCount == 1)
    }

    @Test("TCP and UDP are filtered each in its own way")
    func independent() {
        let bench = Bench { $0.tcp.filtering = .endpointIndependent }
        bench.send()
        bench.send(over: .udp)
        #expect(bench.receive(from: Bench.stranger).isPassed)
        #expect(bench.receive(from: Bench.stranger, over: .udp).reason == .filtered)
    }

    @Test("a SYN from outside to a remote's own connection is let in on its mapping, and the answer leaves by it")
    func answerLeaves() {
        let bench = Bench { $0.tcp.filtering = .endpointIndependent }
        let external = bench.external()
        bench.receive(from: Bench.stranger)
        #expect(bench.send(to: Bench.stranger, [.syn, .ack]).source == external)
    }
}
