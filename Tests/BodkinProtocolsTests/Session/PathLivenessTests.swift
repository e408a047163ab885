import NIOCore
import Testing

@testable import BodkinProtocols

@Suite struct PathLivenessTests {
    private static func liveness(_ kind: PathKind = .tcp, roundTrip: Duration? = .milliseconds(50)) -> PathLiveness {
        PathLiveness(kind, roundTrip: roundTrip, keepalive: .seconds(25), at: .zero)
    }

    @Test func aSilentDeathIsFoundAfterThreeRoundTripsAndTheBound() {
        var liveness = Self.liveness()
        for step in 1...200 as ClosedRange<Int64> {
            liveness.sent(upTo: UInt64(step), at: .milliseconds(step * 100))
            liveness.heard(acknowledged: UInt64(step), isOwed: false, at: .milliseconds(step * 100 + 50))
        }
        let death = Duration.milliseconds(20_100)
        liveness.sent(upTo: 201, at: death)
        let doubt = liveness.deadline
        #expect(doubt - death <= .milliseconds(50 + 200 + 1) && liveness.check(at: doubt) == .doubtful)
        let found = liveness.deadline
        #expect(found - death <= .milliseconds(3 * 50 + 50 + 700 + 1))
        #expect(liveness.check(at: found - .milliseconds(1)) == .alive)
        #expect(liveness.check(at: found) == .dead)
    }

    @Test(arguments: [1, 4, 8, 9.5] as [Double]) func theOnlyPathIsHeldWhileAQueueMayBeFull(seconds: Double) {
        var liveness = Self.liveness()
        liveness.sent(upTo: 1, at: .zero)
        var holds = 0
        while liveness.deadline < .seconds(seconds) {
            let verdict = liveness.check(at: liveness.deadline, isOnly: true)
            #expect(verdict != .dead)
            if verdict == .heldUp { holds += 1 }
            #expect(liveness.isHeldUp == (holds > 0))
        }
        // The answer was behind the queue: all is as before.
        liveness.heard(acknowledged: 1, isOwed: false, at: .seconds(seconds))
        #expect(holds > 0 && !liveness.isHeldUp && !liveness.isDoubted && liveness.deadline > .seconds(seconds))
    }

    @Test func theOnlyPathIsDeadWhenNoQueueIsSoLong() {
        var liveness = Self.liveness()
        liveness.sent(upTo: 1, at: .zero)
        var verdict = PathLiveness.Verdict.alive
        while verdict != .dead, liveness.deadline < .seconds(60) { verdict = liveness.check(at: liveness.deadline, isOnly: true) }
        #expect(verdict == .dead && liveness.deadline >= .seconds(10) && liveness.deadline < .seconds(11.5))
    }

    @Test func anotherPathEndsTheOneThatIsHeld() {
        var liveness = Self.liveness()
        liveness.sent(upTo: 1, at: .zero)
        while !liveness.isHeldUp { _ = liveness.check(at: liveness.deadline, isOnly: true) }
        #expect(liveness.check(at: liveness.deadline, isOnly: false) == .dead)
    }

    @Test func twoLossesOfOneSegmentAreNoDeath() {
        // RFC 6298 with Linux' least time of 200 ms beyond the round trip, twice in a row; then the answer.
        for trip in [1, 10, 50, 100, 200, 400] as [Int64] {
            var liveness = Self.liveness(roundTrip: .milliseconds(trip))
            liveness.sent(upTo: 1, at: .zero)
            #expect(liveness.check(at: .milliseconds((trip + 200) * 3 + trip)) == .doubtful, "\(trip) ms")
        }
    }

    @Test func whoOnlyReceivesIsNeverTakenForDead() {
        var liveness = Self.liveness()
        for second in 1...100 as ClosedRange<Int64> { liveness.heard(acknowledged: 0, isOwed: false, at: .seconds(second)) }
        #expect(liveness.deadline == .seconds(125))
        #expect(liveness.check(at: .seconds(125)) == .probe)
        liveness.probed(at: .seconds(125))
        liveness.answered(isOwed: false, at: .seconds(126))
        liveness.heard(acknowledged: 0, isOwed: false, at: .seconds(126))
        #expect(liveness.deadline == .seconds(151))
    }

    /// A path on which a record has come every `pause`, for five seconds.
    private static func rhythmic(_ pause: Duration) -> (liveness: PathLiveness, last: Duration) {
        var (liveness, now) = (liveness(), Duration.zero)
        while now < .seconds(5) {
            now += pause
            liveness.heard(acknowledged: 0, isOwed: false, isRecord: true, at: now)
        }
        return (liveness, now)
    }

    @Test(arguments: [20, 100, 250, 400, 1000, 5000] as [Int64]) func whoOnlyReadsMissesWhatUsedToComeInTwoUsualPauses(pause: Int64) {
        var (liveness, last) = Self.rhythmic(.milliseconds(pause))
        let overdue = liveness.deadline
        #expect(overdue - last == .milliseconds(min(max(pause * 2 + 100, 200), 1000)))
        #expect(liveness.check(at: overdue) == .overdue)
        liveness.probed(at: overdue)
        #expect(liveness.check(at: liveness.deadline) == .silent)
        let doubt = liveness.deadline
        #expect(liveness.check(at: doubt) == .doubtful)
        #expect(doubt - last < .seconds(2))
        // A silence of a rhythm is no NAT's memory.
        #expect(liveness.silence == nil)
    }

    @Test func aNewPathIsMissedAsEarlyAsOneThatHasCarriedRecords() {
        var fresh = Self.liveness()
        #expect(fresh.deadline == .seconds(25))
        fresh.takeOver(lastRecord: nil)
        #expect(fresh.deadline == .seconds(25))
        fresh.takeOver(lastRecord: .milliseconds(-700))
        #expect(fresh.deadline == .milliseconds(200) && fresh.check(at: .milliseconds(200)) == .overdue)
        var late = Self.liveness()
        late.takeOver(lastRecord: .zero - PathLiveness.attention)
        #expect(late.deadline == .seconds(25))
    }

    @Test func thirtySecondsAfterTheLastRecordTheKeepaliveRules() {
        var (liveness, last) = Self.rhythmic(.milliseconds(100))
        let end = last + PathLiveness.attention
        var count = 0
        while true {
            let now = liveness.deadline
            guard liveness.check(at: now) == .overdue else { break }
            count += 1
            liveness.probed(at: now)
            liveness.answered(isOwed: false, at: now + .milliseconds(50))
            liveness.heard(acknowledged: 0, isOwed: false, at: now + .milliseconds(50))
            last = now + .milliseconds(50)
        }
        #expect(count <= 31 && last > end - .seconds(1.2))
        #expect(liveness.deadline == last + .seconds(25))
    }

    @Test func packetsThatTheSystemSeesKeepTheRhythmOfALongRecord() {
        var (liveness, last) = Self.rhythmic(.milliseconds(400))
        for _ in 0..<10 {
            let now = liveness.deadline
            #expect(liveness.check(at: now) == .overdue)
            liveness.arrived(.milliseconds(300), at: now)
            #expect(liveness.deadline == now + .milliseconds(600))
            last = now
        }
        #expect(last > .seconds(10))
    }

    @Test func aPathThatHasGivenWayIsNotAskedForItsRhythm() {
        var (liveness, last) = Self.rhythmic(.milliseconds(100))
        liveness.rest()
        #expect(liveness.deadline == last + .seconds(25))
    }

    @Test func aProbeWithoutAnswerIsADeath() {
        var liveness = Self.liveness()
        liveness.probed(at: .seconds(25))
        #expect(liveness.check(at: .seconds(25) + liveness.limit) == .dead)
    }

    @Test func whatArrivesThoughNothingComesHasItsTimeOnceMore() {
        var liveness = Self.liveness()
        liveness.sent(upTo: 1, at: .zero)
        let end = liveness.limit
        #expect(liveness.check(at: liveness.deadline) == .silent)
        #expect(liveness.check(at: liveness.deadline) == .doubtful)
        liveness.advanced(at: end)
        #expect(liveness.check(at: liveness.deadline) == .silent)
        #expect(liveness.check(at: liveness.deadline) == .doubtful && liveness.deadline == end + liveness.limit)
        #expect(liveness.check(at: liveness.deadline) == .dead)
    }

    @Test func whereNoPacketComesAFullQueueExcusesNothing() {
        var liveness = Self.liveness(roundTrip: .milliseconds(50))
        // A queue grows: what was the round trip once is what packets need without it.
        for step in 1...20 as ClosedRange<Int64> {
            liveness.sent(upTo: UInt64(step), at: .seconds(step))
            liveness.heard(acknowledged: UInt64(step), isOwed: true, at: .seconds(step) + .milliseconds(400))
        }
        let last = Duration.seconds(20) + .milliseconds(400)
        #expect(liveness.deadline == last + .milliseconds(250))
        #expect(liveness.check(at: liveness.deadline) == .silent)
        #expect(!liveness.isDoubted && liveness.deadline > last + .milliseconds(600))
        liveness.callDoubtful()
        #expect(liveness.isDoubted && liveness.deadline == last + liveness.limit)
        liveness.heard(acknowledged: 20, isOwed: true, at: last + .milliseconds(300))
        #expect(!liveness.isDoubted && liveness.deadline == last + .milliseconds(550))
    }

    @Test func aFloodOfOtherBytesHoldsAPathThatAnswersNothingBack() {
        // Whatever comes shows that the path carries in one direction at least; the answer may be behind megabytes.
        var liveness = Self.liveness()
        liveness.sent(upTo: 5, at: .zero)
        for step in 1...100 as ClosedRange<Int64> {
            #expect(liveness.check(at: .milliseconds(step * 500)) != .dead)
            liveness.heard(acknowledged: 1, isOwed: true, at: .milliseconds(step * 500))
        }
        #expect(liveness.check(at: .milliseconds(50_000) + liveness.limit) == .dead)
    }

    @Test func aProgramThatIsLateThoughItsSystemHasEverythingHasTwiceTheTime() {
        var liveness = Self.liveness()
        liveness.probed(at: .zero)
        #expect(liveness.check(at: liveness.deadline) == .silent)
        #expect(liveness.check(at: liveness.deadline) == .doubtful)
        liveness.excuse()
        #expect(!liveness.isDoubted && liveness.deadline == liveness.limit)
        #expect(liveness.check(at: liveness.limit - .milliseconds(1)) == .alive)
        #expect(liveness.check(at: liveness.limit) == .doubtful && liveness.isDoubted)
        let end = liveness.deadline
        #expect(end > liveness.limit + .milliseconds(500) && end < liveness.limit * 2)
        #expect(liveness.check(at: end) == .dead)
        // What comes meanwhile ends it.
        liveness.heard(acknowledged: 0, isOwed: false, at: end)
        #expect(!liveness.isExcused && !liveness.isDoubted)
    }

    @Test func aLongerRoundTripIsLearned() {
        var liveness = Self.liveness()
        var now = Duration.zero
        for step in 1...30 as ClosedRange<UInt64> {
            liveness.sent(upTo: step, at: now)
            // A queue that fills: each answer a tenth later than the one before.
            now += .milliseconds(50) + .milliseconds(Int64(step) * 100)
            #expect(liveness.check(at: now) != .dead, "step \(step)")
            liveness.heard(acknowledged: step, isOwed: false, at: now)
        }
        #expect(liveness.limit > .seconds(5))
    }

    @Test func whoWasHeldUpLooksAgain() {
        var liveness = Self.liveness()
        liveness.sent(upTo: 1, at: .zero)
        #expect(liveness.check(at: .seconds(3600), isLate: true) == .alive)
        #expect(liveness.check(at: .seconds(3600) + liveness.limit) == .dead)
    }

    @Test func circuitsMayWaitForCredit() {
        var liveness = Self.liveness(.circuit)
        liveness.sent(upTo: 1, at: .zero)
        #expect(liveness.check(at: .seconds(10)) == .doubtful)
        #expect(liveness.check(at: .seconds(12)) == .dead)
    }
}

@Suite struct SessionProbeTests {
    @Test func aProbeIsAnsweredOnItsOwnPath() throws {
        let wire = SessionWire()
        let (direct, circuit) = (wire.connect(1, .tcp), wire.connect(2, .circuit))
        wire.settle()
        for path in [direct, circuit] {
            wire.dialer.events = []
            wire.called.session.probe(path)
            wire.dialer.session.probe(path)
            #expect(wire.dialer.hasOutput(path))
            wire.settle()
            #expect(wire.dialer.events.filter { $0 == .answered(path) }.count == 1)
            #expect(!wire.dialer.hasOutput(path) && !wire.called.hasOutput(path))
        }
    }

    @Test func answersThatNobodyAskedForAreNothing() {
        let wire = SessionWire()
        let path = wire.connect(1)
        wire.settle()
        wire.dialer.events = []
        for number in 0..<5 as Range<UInt64> { wire.dialer.receive(.probeAnswer(number), on: path) }
        #expect(wire.dialer.events.isEmpty)
        wire.dialer.session.probe(path)
        // Not even sent yet.
        wire.dialer.receive(.probeAnswer(1), on: path)
        #expect(wire.dialer.events.isEmpty)
    }

    @Test func aFloodOfProbesHasOneAnswer() throws {
        let wire = SessionWire()
        let path = wire.connect(1)
        wire.settle()
        for number in 1...1000 as ClosedRange<UInt64> { wire.called.receive(.probe(number), on: path) }
        #expect(try wire.called.frames(path) == [.probeAnswer(1000)])
    }

    @Test func aSuspectedPathGivesWayToAnyOtherUnlessItAnswers() {
        for answers in [false, true] {
            let wire = SessionWire()
            let direct = wire.connect(1, .tcp)
            wire.settle()
            wire.dialer.session.suspect(direct)
            if answers { wire.settle() } else { wire.send() }
            let circuit = wire.connect(2, .circuit)
            if !answers { (wire.toCalled[direct], wire.toDialer[direct]) = (nil, nil) }
            wire.settle()
            #expect(wire.dialer.activePath == (answers ? direct : circuit))
        }
    }

    @Test func duplicatesOfAReplayAreAcknowledged() throws {
        let wire = SessionWire()
        let first = wire.connect(1)
        wire.settle()
        #expect(wire.dialer.write(pattern(200_000)) == 200_000)
        wire.send()
        // Everything arrives, and every acknowledgement is lost.
        let sent = try #require(wire.toCalled[first])
        wire.called.session.receive(sent, on: first)
        wire.cut(first)
        let second = wire.connect(2)
        let opening = try #require(wire.dialer.output(second, limit: 1))
        wire.called.session.receive(opening, on: second)
        // OPEN says how far the called side is; it may be long before the dialer hears of that.
        _ = try wire.called.frames(second)
        let replay = try #require(wire.dialer.output(second, limit: 100_000))
        wire.called.session.receive(replay, on: second)
        wire.called.session.flushAcknowledgement()
        #expect(try wire.called.frames(second) == [.acknowledge(nextExpected: wire.called.nextExpected)])
    }
}
