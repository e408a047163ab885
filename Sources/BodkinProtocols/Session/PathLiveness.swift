/// Whether a path still reaches the remote peer, judged by what it answers. It has no clock: every function takes the time, on whatever clock the caller uses.
///
/// Two things demand an answer: a record, acknowledged at the end of the burst of reads that it comes in, and a PROBE. A path on which one of them waits and
/// nothing at all has come for three round trips and a bound is dead, unless the remote peer's system acknowledges what is sent (``advanced(at:)``).
///
/// An end that only reads waits for nothing. While records flow, and for 30 s after the last one, a path therefore has a rhythm: the longest pause between two
/// arrivals of late. A silence of twice that is probed. Without records the keepalive alone rules.
///
/// ```
///            sent, probed              heard, nothing waits
///  quiet ───────────────────▶ waiting ─────────────────────▶ quiet
///    │ records of late, and      │ silent for the least round trip and 200 ms: looked at; for the present one and 200 ms: doubtful;
///    │ silent for two of the     │ for three round trips and the bound
///    │ usual pauses: overdue     ▼
///    │ silent for a keepalive   dead, or held up where there is no other path: dead when 10 s are over
///    ▼
///  a PROBE is due
/// ```
///
/// A queue that somebody else has filled cannot be told from a dead path by the time that passes. So the only path of a session is kept while another one is looked
/// for: on a dead way, that one is up within a second; behind a full queue, the answer is here before.
package struct PathLiveness: Sendable {
    /// What to do about a path.
    package enum Verdict: Hashable, Sendable {
        /// Nothing.
        case alive
        /// Send a PROBE.
        case probe
        /// Something should have come by now: where the system has seen packets lately, ``PathLiveness/arrived(_:at:)``; otherwise send a PROBE.
        case overdue
        /// Nothing yet, but where the system has seen no packet either while much is under way, ``PathLiveness/callDoubtful()``: a full queue makes answers late,
        /// and does not keep packets from coming.
        case silent
        /// Nothing yet, but an answer is later than a path that loses nothing has it: find out what else may have happened.
        case doubtful
        /// It is as silent as a dead path, but there is no other one, and its answer may be behind a full queue: see to it that another one is looked for.
        case heldUp
        /// Give it up.
        case dead
    }

    /// How long after the last record a path is expected to keep its rhythm.
    package static let attention = Duration.seconds(30)
    /// The bounds of the silence that is looked into meanwhile. Together with the doubt about the PROBE's answer, the longest stays below two seconds for round
    /// trips of up to 300 ms. The dialer asks first, and its PROBE is a sign of life for the other end: of two ends that live one asks.
    private static let silences = (least: Duration.milliseconds(200), dialer: Duration.milliseconds(750), called: Duration.seconds(1))

    /// Before anything was measured, as TCP has it (RFC 6298 section 2).
    private static let firstRoundTrip = Duration.seconds(1)

    /// How long a path may be silent beyond three round trips.
    ///
    /// TCP repeats a lost segment after a round trip and 200 ms (Linux' least), then after twice that, so that an answer which needs two repetitions comes after
    /// four round trips and 600 ms. On a circuit ten seconds more: there the server may hold bytes back, where a quota is used up, and its own connections are
    /// judged by themselves.
    private var bound: Duration { roundTrip + Self.repetitions + Self.business + allowance }
    private static let repetitions = Duration.milliseconds(600)
    /// How long the only path of a session is kept: a queue of 256 KiB before 256 kbit/s takes 8 s.
    private static let longestQueue = Duration.seconds(10)
    /// What a busy host may take.
    private static let business = Duration.milliseconds(100)
    private let allowance: Duration
    /// After what silence a path that nothing waits on is probed.
    package var keepalive: Duration
    private var smoothed: Duration?
    private var variation = Duration.zero
    private var least: Duration?
    private var lastHeard: Duration
    /// When the last record was sent or came, on whatever path.
    private var lastRecord: Duration?
    /// The longest pause between two arrivals of late: it shrinks by half the time that shorter ones have taken. A new path is expected to be as steady as a bulk
    /// transfer: a PROBE for every rhythm that turns out slower costs less than a second's wait where the path before died early.
    private var rhythm = Duration.zero
    private let longestSilence: Duration
    /// The silence that the PROBE under way was to end; nil where none is, or where it was sent for another reason.
    package private(set) var silence: Duration?
    /// Since when something waits without a single byte having come.
    private var waitingSince: Duration?
    private var probedAt: Duration?
    /// Whether the present silence has been called doubtful.
    package private(set) var isDoubted = false
    /// Whether nothing has come since a silence was called doubtful.
    package private(set) var isUnheard = false
    /// Whether the present silence has been probed.
    private var isNoted = false
    /// Whether the remote peer's system has everything, so that its program is late and not the path.
    package private(set) var isExcused = false
    /// How often the present silence was held for a full queue.
    private var holds = 0
    /// One record at a time, and when it was sent.
    private var timing: (record: UInt64, since: Duration)?

    /// A path that has just come up.
    /// - Parameters:
    ///   - roundTrip: what its handshake has taken, if that is known.
    ///   - keepalive: after what silence to send a PROBE.
    ///   - role: which end this is.
    package init(_ kind: PathKind, roundTrip: Duration?, keepalive: Duration, role: Session.Role = .called, at now: Duration) {
        longestSilence = role == .dialer ? Self.silences.dialer : Self.silences.called
        allowance = kind.isDirect ? .zero : .seconds(10)
        self.keepalive = keepalive
        lastHeard = now
        if let roundTrip { sample(roundTrip) }
    }

    /// The longest silence, while something waits, of a path that lives.
    package var limit: Duration { max(roundTrip * 3, roundTrip + variation * 4) + bound }

    /// The silence after which an answer is late: a round trip, and the repetition of one segment.
    private var doubt: Duration { roundTrip + variation * 4 + Self.repetitions / 3 }

    /// The silence of all packets after which a path that much is under way on is doubted: what its answers take where no queue is full, and the repetition
    /// of one segment.
    package var packetSilence: Duration { (least ?? roundTrip) + Self.repetitions / 3 }

    /// The round trip as measured.
    package var roundTrip: Duration { smoothed ?? Self.firstRoundTrip }

    /// The least round trip that was measured.
    package var leastRoundTrip: Duration { least ?? Self.firstRoundTrip }

    /// Records have been sent on it, all below `record`.
    package mutating func sent(upTo record: UInt64, at now: Duration) {
        timing = timing ?? (record, now)
        lastRecord = now
        waitingSince = waitingSince ?? now
    }

    /// A PROBE has been sent.
    package mutating func probed(at now: Duration) {
        probedAt = probedAt ?? now
        waitingSince = waitingSince ?? now
    }

    /// Bytes have come.
    /// - Parameters:
    ///   - acknowledged: every record below it has arrived.
    ///   - isOwed: whether records that were sent here wait for that.
    ///   - isRecord: whether a record was among them.
    package mutating func heard(acknowledged: UInt64, isOwed: Bool, isRecord: Bool = false, at now: Duration) {
        let pause = min(now - lastHeard, Self.silences.called)
        rhythm = max(pause, rhythm - pause / 2)
        lastHeard = now
        if isRecord { lastRecord = now }
        silence = nil
        if let timing, acknowledged >= timing.record {
            sample(now - timing.since)
            self.timing = nil
        }
        waitingSince = isOwed || probedAt != nil ? now : nil
        (isDoubted, isNoted, isExcused, isUnheard, holds) = (false, false, false, false, 0)
    }

    /// The answer to the PROBE has come.
    package mutating func answered(isOwed: Bool, at now: Duration) {
        if let probedAt { sample(now - probedAt) }
        probedAt = nil
        if !isOwed { waitingSince = nil }
    }

    /// The system has seen a packet of the remote peer's, so long ago: its path lives, though a record may not be whole yet.
    package mutating func arrived(_ silence: Duration, at now: Duration) { lastHeard = max(lastHeard, now - silence) }

    /// Another path carries the records now.
    package mutating func rest() { lastRecord = nil }

    /// It carries the records now, the last of which was sent or came at `lastRecord` on another path: one that dies before it brings any is missed like that one.
    package mutating func takeOver(lastRecord: Duration?) { self.lastRecord = self.lastRecord ?? lastRecord }

    /// After what silence something is overdue on a path whose records flow: two of the longest pauses of late, and what a busy host may take.
    package var expectation: Duration { min(max(rhythm * 2 + Self.business, Self.silences.least), longestSilence, keepalive) }

    /// When something is overdue; nil where nothing is expected.
    private var expected: Duration? {
        guard let lastRecord, lastHeard + expectation <= lastRecord + Self.attention else { return nil }
        return lastHeard + expectation
    }

    /// When the next check is due.
    package var deadline: Duration {
        waitingSince.map { $0 + (isDoubted || isExcused ? limit * (holds + 1) : isNoted ? doubt : min(packetSilence, doubt)) } ?? expected
            ?? lastHeard + keepalive
    }

    /// The deadline has come.
    /// - Parameters:
    ///   - isLate: whether the caller was held up itself: what has come meanwhile may be unread, so the path has its time once more.
    ///   - isOnly: whether there is no other path, and another one can be had without ending this one.
    package mutating func check(at now: Duration, isLate: Bool = false, isOnly: Bool = false) -> Verdict {
        guard now >= deadline else { return .alive }
        guard let since = waitingSince else {
            // A silence of the rhythm says nothing of the NATs' memory.
            guard now >= lastHeard + keepalive else { return .overdue }
            silence = isLate ? nil : now - lastHeard
            return .probe
        }
        guard !isLate else {
            waitingSince = now
            return .alive
        }
        guard now >= since + doubt else {
            isNoted = true
            return .silent
        }
        // A program that is late has the time of a dead path before it is doubted.
        if isExcused, !isDoubted, now >= since + limit { waitingSince = now - doubt }
        if isExcused, !isDoubted, now < since + limit { return .alive }
        (isDoubted, isUnheard) = (true, true)
        let begin = waitingSince ?? since
        guard now >= begin + limit else { return .doubtful }
        guard isOnly, now < begin + Self.longestQueue else { return .dead }
        holds += 1
        return .heldUp
    }

    /// Whether it is kept only for want of another one.
    package var isHeldUp: Bool { holds > 0 }

    /// The remote peer's system has acknowledged all that was sent: the path carries, and a program that is overloaded, or stopped for a moment, needs no other one.
    package mutating func excuse() { (isDoubted, isExcused) = (false, true) }

    /// No packet comes on it: this silence counts as doubtful from now on.
    package mutating func callDoubtful() { (isDoubted, isUnheard) = (true, true) }

    /// Nothing has come, but what was sent is arriving: it has its time once more.
    package mutating func advanced(at now: Duration) {
        waitingSince = now
        (isDoubted, isNoted, isExcused, holds) = (false, false, false, 0)
    }

    /// RFC 6298 section 2.
    private mutating func sample(_ roundTrip: Duration) {
        least = min(least ?? roundTrip, roundTrip)
        guard let known = smoothed else {
            smoothed = roundTrip
            variation = roundTrip / 2
            return
        }
        let difference = known > roundTrip ? known - roundTrip : roundTrip - known
        variation = variation * 3 / 4 + difference / 4
        smoothed = known * 7 / 8 + roundTrip / 8
    }
}
