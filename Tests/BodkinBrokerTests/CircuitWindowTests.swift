import BodkinBroker
import BodkinCore
import BodkinProtocols
import NIOCore
import Testing

@Suite("A circuit's window")
struct BrokerCircuitWindowTests {
    /// What the two ends of a circuit do with a window.
    enum Member: CaseIterable {
        /// The sender uses each window up, and the reader takes all of it a round trip later: the window is too small for the way.
        case longWay
        /// The sender has less to send than the window.
        case slowSender
        /// What is sent waits in the server for a reader that is slower.
        case slowReader
        /// The operator allows no growth.
        case forbidden
    }

    private static let window = 16_000
    private static let largest = 128_000

    /// Sends windows on a circuit, and gives credit for them: how much room the sender has at the end.
    private func run(
        _ member: Member, in fixture: inout BrokerFixture, _ dialer: BrokerFixture.Peer, _ called: BrokerFixture.Peer, _ attempt: AttemptID,
        from start: Int, rounds: Int
    ) -> Int {
        var room = start
        for _ in 0..<rounds {
            let sent = member == .slowSender ? room / 2 : room
            for offset in stride(from: 0, to: sent, by: 8_000) { _ = fixture.data(dialer, attempt, min(8_000, sent - offset)) }
            if member != .slowReader { fixture.broker.written(called.connection, [attempt: sent]) }
            room += fixture.credit(called, attempt, sent).credited(to: dialer) - sent
            let isConsistent = fixture.broker.isConsistent
            #expect(isConsistent)
        }
        return room
    }

    @Test("grows, to four times with each window's worth, where it holds the sender up, and nowhere else", arguments: Member.allCases)
    func growth(_ member: Member) throws {
        var limits = BrokerFixture.limits
        limits.circuitWindow = Self.window
        limits.largestCircuitWindow = member == .forbidden ? Self.window : Self.largest
        var fixture = BrokerFixture(limits: limits)
        let (dialer, called, attempt) = (try fixture.resident(), try fixture.resident(), AttemptID.random())
        _ = fixture.dial(dialer, called.id, attempt, early: "e")
        _ = fixture.answer(called, attempt)
        fixture.broker.written(called.connection, [attempt: 1])
        let room = member == .longWay ? Self.window * 4 : Self.window
        #expect(run(member, in: &fixture, dialer, called, attempt, from: Self.window, rounds: 1) == room)
        #expect(run(member, in: &fixture, dialer, called, attempt, from: room, rounds: 6) == (member == .longWay ? Self.largest : Self.window))
    }

    @Test("begins larger on a long way, for both sides, within the bounds and budgets", arguments: [100, 300, 600, 60_000])
    func distance(_ milliseconds: Int64) throws {
        var fixture = BrokerFixture(limits: BrokerLimits())
        let dialer = try fixture.resident(roundTrip: .milliseconds(milliseconds / 2))
        let (called, attempt) = (try fixture.resident(roundTrip: .milliseconds(milliseconds / 2)), AttemptID.random())
        _ = fixture.dial(dialer, called.id, attempt, early: "e")
        let actions = fixture.answer(called, attempt)
        let credits = [dialer, called].map { actions.credited(to: $0) }
        let window = BrokerLimits().circuitWindow
        #expect(milliseconds < 300 || milliseconds > 600 || credits == [Int(milliseconds) * 2_000 - window, Int(milliseconds) * 2_000 - window])
        #expect(milliseconds >= 300 || credits == [0, 0])
        #expect(credits.allSatisfy { $0 <= BrokerLimits().largestCircuitWindow } && fixture.broker.isConsistent)
    }

    /// Half of each window is on its way to the server, or credit on its way back: as much room is there all the time.
    @Test(
        "grows where most of the way is the sender's, who sends a window's worth in a round trip, and not where it takes two",
        arguments: [true, false])
    func distantSender(_ isHeldUp: Bool) throws {
        var limits = BrokerFixture.limits
        (limits.circuitWindow, limits.largestCircuitWindow) = (Self.window, Self.largest)
        var fixture = BrokerFixture(limits: limits)
        let dialer = try fixture.resident(roundTrip: .milliseconds(100))
        let (called, attempt) = (try fixture.resident(roundTrip: .milliseconds(100)), AttemptID.random())
        _ = fixture.dial(dialer, called.id, attempt, early: "e")
        _ = fixture.answer(called, attempt)
        fixture.broker.written(called.connection, [attempt: 1])
        var window = Self.window
        for _ in 0..<40 {
            fixture.now = fixture.now + .milliseconds(isHeldUp ? 100 : 200)
            let sent = window / 2
            for offset in stride(from: 0, to: sent, by: 8_000) { _ = fixture.data(dialer, attempt, min(8_000, sent - offset)) }
            fixture.broker.written(called.connection, [attempt: sent])
            window += fixture.credit(called, attempt, sent).credited(to: dialer) - sent
        }
        #expect(window == (isHeldUp ? Self.largest : Self.window))
    }

    @Test("stays within its bound and the memory of the server and the dialer, of which each takes half of what is left", arguments: [true, false])
    func budget(_ isDialers: Bool) throws {
        var (limits, quotas) = (BrokerFixture.limits, Quotas())
        limits.circuitWindow = Self.window
        if isDialers { quotas.address.bufferedBytes = 600_000 } else { limits.bufferedBytes = 600_000 }
        var fixture = BrokerFixture(limits: limits, quotas: quotas)
        let (dialer, called) = (try fixture.resident(), try fixture.resident())
        var extras: [Int] = []
        for _ in 0..<8 {
            let attempt = AttemptID.random()
            _ = fixture.dial(dialer, called.id, attempt, early: "e")
            _ = fixture.answer(called, attempt)
            fixture.broker.written(called.connection, [attempt: 1])
            var room = Self.window
            for _ in 0..<8 {
                let sent = room
                for offset in stride(from: 0, to: sent, by: 8_000) {
                    let count = min(8_000, sent - offset)
                    #expect(fixture.data(dialer, attempt, count).closedCircuit(of: dialer) == nil)
                    fixture.broker.written(called.connection, [attempt: count])
                }
                room += fixture.credit(called, attempt, sent).credited(to: dialer) - sent
            }
            extras.append(room - Self.window)
            let isConsistent = fixture.broker.isConsistent
            #expect(isConsistent)
        }
        #expect(extras.reduce(0, +) <= 200_000 && extras[0] > Self.window && extras[0] > extras[7], "\(extras)")
        _ = fixture.leave(dialer)
        let isConsistent = fixture.broker.isConsistent
        #expect(isConsistent)
    }
}
