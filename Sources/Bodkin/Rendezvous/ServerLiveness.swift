import BodkinCore

/// Whether the server still answers on one link: when it was heard, and the probe that is under way.
struct ServerLiveness {
    private struct Probe {
        let sent: Instant
        /// How long it may be silent, from the question or from whatever came since.
        let limit: Duration
        var end: Instant
        /// How often it has had its time again, because the local peer was held up.
        var extensions = 0
    }

    private(set) var heardAt: Instant
    /// The time that an answer takes: the latest one, or more if the ones before took longer.
    private(set) var answerTime = Duration.zero
    /// The number of the latest probe.
    private(set) var number: UInt64 = 0
    private var probe: Probe?

    init(at now: Instant) { heardAt = now }

    /// The server has sent something. That is no answer to a probe: it may have been under way when what was sent last was lost. But it is a sign of life.
    mutating func heard(at now: Instant) {
        heardAt = now
        if let limit = probe?.limit { probe?.end = now + limit }
    }

    /// By so much the system may count a silence too short.
    private static let jiffies = Duration.milliseconds(50)

    /// The latest packet came so long ago. On a slow link an answer may be behind a long message, of which packets come: it has its time once more.
    mutating func lastPacket(before silence: Duration, at now: Instant) {
        if let probe, probe.end <= now, silence < probe.limit - Self.jiffies { self.probe?.end = now + probe.limit }
    }

    /// How often a probe has its time again at most.
    private static let extensionLimit = 8

    /// The local peer was held up for so long, and an answer that has come meanwhile may be unread: a probe that is over has as much time again.
    mutating func heldUp(_ time: Duration, at now: Instant) {
        guard var probe, probe.end <= now, probe.extensions < Self.extensionLimit else { return }
        probe.end = now + min(time, probe.limit)
        probe.extensions += 1
        self.probe = probe
    }

    /// The server has answered a probe.
    mutating func answered(_ number: UInt64, at now: Instant) {
        guard number == self.number, let sent = probe?.sent else { return }
        let time = now - sent
        answerTime = max(time, (answerTime * 7 + time) / 8)
        probe = nil
    }

    /// Begins a probe and returns the number to ask with. Returns nil if a probe is under way whose answer is due as early: a patient question does not hold up an
    /// urgent one, and a hundred doubts at once are one question.
    mutating func begin(within limit: Duration, at now: Instant) -> UInt64? {
        if let probe, probe.end <= now + limit { return nil }
        number &+= 1
        probe = Probe(sent: now, limit: limit, end: now + limit)
        return number
    }

    /// Whether an answer is still to come.
    var isProbed: Bool { probe != nil }

    /// Whether the time for an answer is over.
    func isSilent(at now: Instant) -> Bool { probe.map { $0.end <= now } ?? false }

    /// When a link that nothing comes by is probed; nil while it is.
    func idleEnd(_ limit: Duration) -> Instant? { probe == nil ? heardAt + limit : nil }

    /// When there is something to do.
    func deadline(_ idleLimit: Duration) -> Instant { probe?.end ?? heardAt + idleLimit }
}
