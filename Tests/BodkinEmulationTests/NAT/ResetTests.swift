import BodkinCore
import BodkinEmulation
import Testing

@Suite("What an RST from outside deletes")
struct ResetTests {
    private static func bench(_ effect: ResetEffect) -> Bench { Bench { $0.resetEffect = effect } }

    @Test(
        "an RST on a session is always passed on",
        arguments: [ResetEffect.none, .session(after: .zero), .session(after: .seconds(10)), .mapping(after: .zero)])
    func passedOn(effect: ResetEffect) {
        let bench = Self.bench(effect)
        bench.connect()
        #expect(bench.receive(.rst) == .passed(Translation(source: Bench.server, destination: Bench.host)))
    }

    @Test("where it deletes nothing, the session goes on")
    func none() {
        let bench = Self.bench(.none)
        bench.connect()
        bench.receive(.rst)
        bench.wait(.seconds(7000))
        #expect(bench.receive(.ack).isPassed)
    }

    @Test("where it deletes the session at once, the next segment is refused, and the mapping is gone with it")
    func session() {
        let bench = Self.bench(.session(after: .zero))
        bench.connect()
        bench.receive(.rst)
        #expect(bench.nat.sessionCount == 0 && bench.nat.mappingCount == 0)
        #expect(bench.receive(.syn).reason == .unsolicited)
    }

    @Test("where it deletes the session after 10 s, the session is there until then")
    func later() {
        let bench = Self.bench(.session(after: .seconds(10)))
        bench.connect()
        bench.receive(.rst)
        bench.wait(.seconds(10) - .nanoseconds(1))
        #expect(bench.nat.sessionCount == 1)
        bench.wait(.nanoseconds(1))
        #expect(bench.receive(.ack).reason == .unsolicited)
    }

    @Test("a SYN from inside within the 10 s opens the session anew")
    func revived() {
        let bench = Self.bench(.session(after: .seconds(10)))
        bench.connect()
        bench.receive(.rst)
        bench.wait(.seconds(5))
        bench.connect()
        bench.wait(.seconds(60))
        #expect(bench.receive(.ack).isPassed)
    }

    @Test("an endpoint-independent mapping outlives the session that was killed while another is alive")
    func keptByWarm() {
        let bench = Self.bench(.session(after: .zero))
        bench.connect(to: Bench.server)
        bench.send(to: Bench.stranger)
        bench.receive(from: Bench.stranger, [.rst, .ack])
        #expect(bench.nat.sessionCount == 1 && bench.nat.mappingCount == 1)
        #expect(bench.receive(from: Bench.server, .ack).isPassed)
        #expect(bench.receive(from: Bench.stranger).reason == .filtered)
        #expect(bench.external(towards: Bench.stranger)?.port == 5000)
    }

    @Test("where it deletes the mapping, every session on it goes too, and no other's")
    func mapping() {
        let bench = Self.bench(.mapping(after: .zero))
        bench.connect(to: Bench.server)
        bench.connect(from: "192.168.1.10:6000", to: Bench.server)
        bench.send(to: Bench.stranger)
        bench.receive(from: Bench.stranger, [.rst, .ack])
        #expect(bench.receive(from: Bench.server, .ack).reason == .unsolicited)
        #expect(bench.receive(from: Bench.server, at: "203.0.113.1:6000", .ack).isPassed)
    }

    @Test("where it deletes the mapping after 10 s, traffic on it until then does not save it", arguments: [true, false])
    func mappingLater(isOutward: Bool) {
        let bench = Self.bench(.mapping(after: .seconds(10)))
        bench.connect(to: Bench.server)
        bench.send(to: Bench.stranger)
        bench.receive(from: Bench.stranger, [.rst, .ack])
        for _ in 0..<3 {
            bench.wait(.seconds(3))
            #expect(isOutward ? bench.send(.ack).isPassed : bench.receive(.ack).isPassed)
        }
        bench.wait(.seconds(2))
        #expect(!(isOutward ? bench.send(.ack).isPassed : bench.receive(.ack).isPassed))
    }

    @Test("a later packet neither shortens nor lengthens the delay", arguments: [1, 10, 60])
    func exactDelay(seconds: Int) {
        let bench = Self.bench(.session(after: .seconds(seconds)))
        bench.connect()
        bench.receive(.rst)
        bench.wait(.milliseconds(500))
        bench.receive(.ack)
        bench.wait(.seconds(seconds) - .milliseconds(501))
        #expect(bench.nat.sessionCount == 1)
        #expect(bench.receive(.ack).isPassed)
        bench.wait(.milliseconds(1))
        #expect(!bench.receive(.ack).isPassed)
    }

    @Test("an RST from outside that belongs to no session touches nothing")
    func stray() {
        let bench = Self.bench(.mapping(after: .zero))
        bench.connect()
        bench.receive(from: Bench.stranger, .rst)
        #expect(bench.receive(.ack).isPassed)
    }

    @Test("an RST that the box itself sends touches nothing")
    func own() {
        let bench = Bench {
            $0.tcp.unsolicited = .reset
            $0.resetEffect = .mapping(after: .zero)
        }
        bench.connect()
        #expect(bench.receive(from: Bench.stranger).refusal == .reset)
        #expect(bench.receive(.ack).isPassed)
    }

    @Test(
        "an RST from inside ends the session after its reset time, whatever the effect of one from outside",
        arguments: [ResetEffect.none, .mapping(after: .zero)])
    func inside(effect: ResetEffect) {
        let bench = Self.bench(effect)
        bench.connect()
        #expect(bench.send(.rst).isPassed)
        #expect(bench.nat.sessionCount == 1)
        bench.wait(.seconds(10))
        #expect(bench.receive(.ack).reason == .unsolicited)
    }
}
