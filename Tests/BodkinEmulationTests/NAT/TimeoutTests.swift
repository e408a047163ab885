import BodkinCore
import BodkinEmulation
import Testing

@Suite("Timeouts (RFC 4787 section 4.3, RFC 5382 section 5)")
struct TimeoutTests {
    private static func bench() -> Bench {
        Bench {
            $0.timeouts.established = .seconds(1000)
            $0.timeouts.transitory = .seconds(100)
            $0.timeouts.reset = .seconds(10)
            $0.timeouts.datagram = .seconds(50)
            $0.timeouts.query = .seconds(20)
        }
    }

    /// Whether the session is there until just before `time`, and gone then.
    private static func lasts(_ time: Duration, _ bench: Bench, over transport: TransportProtocol = .tcp, _ prepare: (Bench) -> Void)
        -> Bool
    {
        prepare(bench)
        let sender: Endpoint = transport == .icmp ? "198.51.100.1:0" : Bench.server
        let early = Self.copy(bench)
        early.wait(time - .nanoseconds(1))
        bench.wait(time)
        return early.receive(from: sender, .ack, over: transport).isPassed && !bench.receive(from: sender, .ack, over: transport).isPassed
    }

    private static func copy(_ bench: Bench) -> Bench {
        let other = Bench()
        other.nat = bench.nat
        other.now = bench.now
        return other
    }

    @Test("the defaults are the least that the RFCs allow")
    func defaults() {
        let timeouts = NATTimeouts()
        #expect(timeouts.established == .seconds(2 * 3600 + 4 * 60) && timeouts.transitory == .seconds(4 * 60))
        #expect(timeouts.datagram == .seconds(2 * 60) && timeouts.query == .seconds(60))
    }

    @Test("a SYN without an answer is kept for the transitory time")
    func transitory() { #expect(Self.lasts(.seconds(100), Self.bench()) { $0.send() }) }

    @Test("a SYN and a SYN-ACK are not yet a connection")
    func halfOpen() {
        #expect(
            Self.lasts(.seconds(100), Self.bench()) {
                $0.send()
                $0.receive([.syn, .ack])
            })
    }

    @Test("an established connection is kept for the established time")
    func established() { #expect(Self.lasts(.seconds(1000), Self.bench()) { $0.connect() }) }

    @Test("a simultaneous open is a connection too")
    func simultaneous() {
        #expect(
            Self.lasts(.seconds(1000), Self.bench()) {
                $0.send(.syn)
                $0.receive(.syn)
                $0.send([.syn, .ack])
                $0.receive([.syn, .ack])
            })
    }

    @Test("one FIN leaves a connection established, both make it transitory", arguments: [(1, 1000), (2, 100)])
    func closing(count: Int, time: Int) {
        #expect(
            Self.lasts(.seconds(time), Self.bench()) {
                $0.connect()
                $0.send([.fin, .ack])
                if count == 2 { $0.receive([.fin, .ack]) }
            })
    }

    @Test("an RST from inside leaves the session its reset time")
    func reset() {
        #expect(
            Self.lasts(.seconds(10), Self.bench()) {
                $0.connect()
                $0.send(.rst)
            })
    }

    @Test("UDP and echo queries have their own times", arguments: [(TransportProtocol.udp, 50), (.icmp, 20)])
    func datagrams(transport: TransportProtocol, time: Int) {
        #expect(
            Self.lasts(.seconds(time), Self.bench(), over: transport) {
                $0.send(to: transport == .icmp ? "198.51.100.1:0" : Bench.server, over: transport)
            })
    }

    @Test("every packet, in either direction, starts the time anew")
    func refreshed() {
        let bench = Self.bench()
        bench.send(over: .udp)
        for _ in 0..<10 {
            bench.wait(.seconds(49))
            #expect(bench.receive(over: .udp).isPassed)
            bench.wait(.seconds(49))
            #expect(bench.send(over: .udp).isPassed)
        }
        bench.wait(.seconds(50))
        #expect(!bench.receive(over: .udp).isPassed)
        #expect(bench.nat.sessionCount == 0 && bench.nat.mappingCount == 0)
    }

    @Test("a SYN from inside on a connection that has closed opens it anew")
    func reopened() {
        #expect(
            Self.lasts(.seconds(1000), Self.bench()) {
                $0.connect()
                $0.send([.fin, .ack])
                $0.receive([.fin, .ack])
                $0.connect()
            })
    }

    @Test("a caller from outside who was answered by RST may call again, and is kept as long as any other")
    func calledAgain() {
        let bench = Bench {
            $0.tcp.filtering = .endpointIndependent
            $0.timeouts.established = .seconds(1000)
        }
        bench.send(to: Bench.server)
        bench.receive(from: Bench.stranger)
        bench.send(to: Bench.stranger, [.rst, .ack])
        bench.receive(from: Bench.stranger)
        bench.send(to: Bench.stranger, [.syn, .ack])
        bench.receive(from: Bench.stranger, .ack)
        bench.wait(.seconds(999))
        #expect(bench.receive(from: Bench.stranger, .ack).isPassed)
    }

    @Test("a caller from outside who has closed may call again, and is kept as long as any other")
    func calledAgainAfterClosing() {
        let bench = Bench {
            $0.tcp.filtering = .endpointIndependent
            $0.timeouts.established = .seconds(1000)
            $0.timeouts.transitory = .seconds(100)
        }
        bench.send(to: Bench.server)
        for _ in 0..<2 {
            bench.receive(from: Bench.stranger)
            bench.send(to: Bench.stranger, [.syn, .ack])
            bench.receive(from: Bench.stranger, [.fin, .ack])
            bench.send(to: Bench.stranger, [.fin, .ack])
        }
        bench.receive(from: Bench.stranger)
        bench.send(to: Bench.stranger, [.syn, .ack])
        bench.receive(from: Bench.stranger, .ack)
        bench.wait(.seconds(999))
        #expect(bench.receive(from: Bench.stranger, .ack).isPassed)
    }

    @Test("times beyond the clock's end last for ever")
    func forever() {
        let bench = Bench { $0.timeouts.datagram = .seconds(Int64.max) }
        bench.send(over: .udp)
        bench.wait(.seconds(1_000_000_000))
        #expect(bench.receive(over: .udp).isPassed)
    }
}
