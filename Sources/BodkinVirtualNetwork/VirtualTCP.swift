import BodkinCore
import BodkinEmulation

/// One end of a TCP connection (RFC 9293), without a socket or a clock: handshakes, simultaneous open, RST, data in order, repetition, FIN.
///
/// ```
///            SYN-ACK                           both FINs, ours first
///  synSent ───────────▶ open ───────────────────────────────────────▶ timeWait ── 60 s ──▶ closed
///     │ SYN              ▲  └── RST, abort, both FINs, theirs first ──────────────────────▶ closed
///     ▼                  │ SYN-ACK, or the ACK of ours
///  synReceived ──────────┘
/// ```
/// It has no congestion control and no window: what it is for is who reaches whom, and when.
struct VirtualTCP {
    enum State: Equatable { case synSent, synReceived, open, timeWait, closed }
    /// What its owner is told.
    enum Event: Equatable {
        case connected
        case received([UInt8])
        /// The remote end has sent its FIN.
        case ended
        /// An RST has come: `refused` before the connection was up.
        case reset(refused: Bool)
    }

    /// The first repetition of a SYN (RFC 6298 section 2.1), and the least of anything else (Linux).
    static let synTimeout = Duration.seconds(1)
    static let leastTimeout = Duration.milliseconds(200)
    static let timeWait = Duration.seconds(60)

    let local: Endpoint
    let remote: Endpoint
    let isPassive: Bool
    private(set) var state: State
    /// What is to be sent, and told.
    var segments: [VirtualSegment] = []
    var events: [Event] = []
    /// When ``timeout(at:)`` is due.
    private(set) var deadline: Instant?
    /// What a round trip takes, by the handshake.
    private(set) var roundTrip: Duration?
    private(set) var acknowledgedBytes: UInt64 = 0
    /// When the latest packet came, and the latest with new data.
    private(set) var heardAt: Instant
    private(set) var dataAt: Instant

    private let initial: UInt32
    private let start: Instant
    /// Offsets in our sequence space: 0 is the SYN, 1 the first byte.
    private var unacknowledged = 0
    private var next = 1
    private var log: [UInt8] = []
    private var logStart = 1
    private var isFinishing = false
    private var hasFinished: Bool { isFinishing && unacknowledged > logStart + log.count }
    private var expected: UInt32 = 0
    private var hasEnded = false
    private var early: [UInt32: VirtualSegment] = [:]
    private var timeout = Self.synTimeout
    private var repetitions = 0

    /// Connects.
    init(from local: Endpoint, to remote: Endpoint, initial: UInt32, at now: Instant) {
        (self.local, self.remote, self.initial, isPassive, state, start) = (local, remote, initial, false, .synSent, now)
        (heardAt, dataAt) = (now, now)
        transmit(.syn, at: 0)
        arm(at: now)
    }

    /// Answers a SYN.
    init(answering segment: VirtualSegment, initial: UInt32, at now: Instant) {
        (local, remote, self.initial, isPassive, state, start) = (segment.destination, segment.source, initial, true, .synReceived, now)
        (heardAt, dataAt) = (now, now)
        expected = segment.sequence &+ 1
        transmit([.syn, .ack], at: 0)
        arm(at: now)
    }

    /// How many bytes wait for their acknowledgement.
    var outstanding: Int { log.count }
    var segmentsUnderWay: Int { (max(0, next - unacknowledged) + VirtualSegment.largestPayload - 1) / VirtualSegment.largestPayload }

    private mutating func transmit(_ flags: TCPFlags, at offset: Int, _ payload: [UInt8] = []) {
        segments.append(
            VirtualSegment(
                source: local, destination: remote, sequence: initial &+ UInt32(truncatingIfNeeded: offset),
                acknowledgement: flags.contains(.ack) ? expected : 0, flags: flags, payload: payload))
    }

    private mutating func acknowledge() { transmit(.ack, at: next) }

    private mutating func arm(at now: Instant) { deadline = unacknowledged < next ? now + timeout : nil }

    // MARK: The owner

    mutating func write(_ bytes: [UInt8], at now: Instant) {
        guard !isFinishing, state != .closed, state != .timeWait else { return }
        log += bytes
        pump(at: now)
    }

    /// Sends a FIN after everything written; before the connection is up there is nothing to end.
    mutating func close(at now: Instant) {
        switch state {
        case .synSent: leave()
        case .synReceived: abort()
        case .open:
            isFinishing = true
            pump(at: now)
        case .timeWait, .closed: break
        }
    }

    /// Sends an RST that goes so many hops.
    mutating func abort(hopLimit: UInt8 = 64) {
        if state == .open || state == .synReceived {
            transmit([.rst, .ack], at: next)
            segments[segments.count - 1].hopLimit = hopLimit
        }
        leave()
    }

    private mutating func leave() {
        state = .closed
        deadline = nil
    }

    private mutating func pump(at now: Instant) {
        guard state == .open else { return }
        while next < logStart + log.count {
            let from = next - logStart
            let piece = Array(log[from..<min(from + VirtualSegment.largestPayload, log.count)])
            transmit(.ack, at: next, piece)
            next += piece.count
        }
        if isFinishing, next == logStart + log.count {
            transmit([.fin, .ack], at: next)
            next += 1
        }
        if deadline == nil { arm(at: now) }
    }

    // MARK: The network

    /// The ICMP error of a destination that cannot be reached has come: it ends what is not up yet.
    mutating func unreachable() -> Bool {
        guard state == .synSent || state == .synReceived else { return false }
        leave()
        return true
    }

    mutating func timeout(at now: Instant) {
        guard let deadline, now >= deadline else { return }
        repetitions += 1
        guard state != .timeWait, repetitions <= (state == .open ? 15 : 6) else { return leave() }
        timeout = timeout * 2
        switch state {
        case .synSent: transmit(.syn, at: 0)
        case .synReceived: transmit([.syn, .ack], at: 0)
        default: next = unacknowledged
        }
        pump(at: now)
        self.deadline = now + timeout
    }

    mutating func receive(_ segment: VirtualSegment, at now: Instant) {
        heardAt = now
        switch state {
        case .synSent: receiveInSynSent(segment, at: now)
        case .synReceived: receiveInSynReceived(segment, at: now)
        case .open: receiveOpen(segment, at: now)
        case .timeWait: if segment.length > 0, !segment.flags.contains(.rst) { acknowledge() }
        case .closed: break
        }
    }

    private mutating func receiveInSynSent(_ segment: VirtualSegment, at now: Instant) {
        if segment.flags.contains(.ack), segment.acknowledgement != initial &+ 1 {
            if !segment.flags.contains(.rst) { segments.append(segment.reset) }
            return
        }
        if segment.flags.contains(.rst) {
            guard segment.flags.contains(.ack) else { return }
            leave()
            return events.append(.reset(refused: true))
        }
        guard segment.flags.contains(.syn) else { return }
        expected = segment.sequence &+ 1
        guard segment.flags.contains(.ack) else {
            state = .synReceived
            transmit([.syn, .ack], at: 0)
            return
        }
        establish(at: now)
        acknowledge()
    }

    private mutating func receiveInSynReceived(_ segment: VirtualSegment, at now: Instant) {
        if segment.flags.contains(.rst) {
            guard segment.sequence == expected else { return }
            leave()
            return events.append(.reset(refused: true))
        }
        if segment.flags.contains(.syn), !segment.flags.contains(.ack) {
            if segment.sequence &+ 1 == expected { transmit([.syn, .ack], at: 0) } else { acknowledge() }
            return
        }
        guard segment.flags.contains(.ack) else { return }
        // An acknowledgement of what was never sent here (RFC 9293 section 3.10.7.4).
        guard segment.acknowledgement == initial &+ 1 else { return segments.append(segment.reset) }
        // The other half of a simultaneous open.
        if segment.flags.contains(.syn) {
            establish(at: now)
            return acknowledge()
        }
        establish(at: now)
        receiveOpen(segment, at: now)
    }

    private mutating func establish(at now: Instant) {
        state = .open
        unacknowledged = 1
        roundTrip = now - start
        timeout = max(Self.leastTimeout, (roundTrip ?? .zero) + Self.leastTimeout)
        repetitions = 0
        deadline = nil
        events.append(.connected)
        pump(at: now)
    }

    private mutating func receiveOpen(_ segment: VirtualSegment, at now: Instant) {
        if segment.flags.contains(.rst) {
            guard segment.sequence == expected else { return acknowledge() }
            leave()
            return events.append(.reset(refused: false))
        }
        // RFC 5961 section 4.2: a host that has begun afresh gets an ACK with the state that is known here.
        guard !segment.flags.contains(.syn) else { return acknowledge() }
        if segment.flags.contains(.ack) { acknowledged(upTo: segment.acknowledgement, at: now) }
        if segment.length > 0 { take(segment) }
        pump(at: now)
        if hasFinished, hasEnded { finish(at: now) }
    }

    private mutating func acknowledged(upTo acknowledgement: UInt32, at now: Instant) {
        let offset = unacknowledged + Int(Int32(bitPattern: acknowledgement &- (initial &+ UInt32(truncatingIfNeeded: unacknowledged))))
        guard offset > unacknowledged, offset <= logStart + log.count + 1 else { return }
        acknowledgedBytes += UInt64(offset - unacknowledged)
        unacknowledged = offset
        next = max(next, offset)
        let count = min(offset - logStart, log.count)
        log.removeFirst(count)
        logStart += count
        repetitions = 0
        timeout = max(Self.leastTimeout, (roundTrip ?? .zero) + Self.leastTimeout)
        arm(at: now)
    }

    private mutating func take(_ segment: VirtualSegment) {
        let ahead = Int32(bitPattern: segment.sequence &- expected)
        if ahead > 0 {
            if early.count < 4_096 { early[segment.sequence] = segment }
            return acknowledge()
        }
        let known = Int(-ahead)
        if Int(segment.length) > known {
            let fresh = Array(segment.payload.dropFirst(known))
            if !fresh.isEmpty { events.append(.received(fresh)) }
            dataAt = heardAt
            expected = expected &+ UInt32(fresh.count)
            if segment.flags.contains(.fin), !hasEnded {
                expected = expected &+ 1
                hasEnded = true
                events.append(.ended)
            }
            if let following = early.removeValue(forKey: expected) { return take(following) }
        }
        acknowledge()
    }

    private mutating func finish(at now: Instant) {
        state = isPassiveClose ? .closed : .timeWait
        deadline = isPassiveClose ? nil : now + Self.timeWait
        repetitions = 100
    }

    /// Whether the remote end has ended first.
    private var isPassiveClose: Bool { finishedAfterEnd }
    private var finishedAfterEnd = false

    /// The owner closes after it has read the remote's end.
    mutating func closeAfterEnd(at now: Instant) {
        finishedAfterEnd = hasEnded
        close(at: now)
    }
}
