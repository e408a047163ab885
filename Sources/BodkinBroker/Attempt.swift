import BodkinCore
import BodkinProtocols
import FoundationEssentials
import NIOCore

/// One dial between two connections.
///
/// ```
/// proving ── the dialer's STUN connections are up, or 250 ms ──▶ met ── MeetAck ──▶ answered ── 60 s without a circuit ──▶ gone
///    └── nobody to meet ──▶ pending ── a registration admits the dialer ──▶ │
///                              ▲ └── timeout ──▶ gone                      │
///                              └── declined, silent, or its connection lost ┘
/// ```
/// An attempt without a timeout goes where it would become pending.
struct Attempt {
    enum State: Equatable {
        /// The dialer's STUN connections are being authenticated.
        case proving
        /// No instance can be met.
        case pending
        /// An instance has the Meet, and has to answer by then. An attempt that its dialer has given up is not wanted; it remains to judge the called side.
        case met(answerBy: NIODeadline, isWanted: Bool)
        /// The instance has answered.
        case answered
    }
    /// One of the two ends.
    enum Side: Int { case dialer, called }

    let dialer: ConnectionID
    var called: ConnectionID?
    let target: PeerID
    /// The only instance of it that will do; nil where any will.
    let instance: InstanceID?
    let isDirect: Bool
    /// The circuit's first flight. It stays until an instance answers, because another instance may need it.
    var early: Data
    let since: NIODeadline
    /// Until when the dialer waits.
    let patienceEnd: NIODeadline
    let accounts: [Account]
    var state = State.proving
    var circuit: Circuit?
    /// The bytes that the dialer has sent on the circuit before an instance answers.
    private(set) var ahead: [Data] = []
    private(set) var aheadCount = 0
    /// The bytes of the first flight that the dialer's accounts have paid for, and those that are kept.
    var paidBytes = 0
    var flightSize: Int { early.count + ahead.reduce(0) { $0 + $1.count } }
    /// Whether another instance can be given all that the dialer has sent.
    private(set) var isRepeatable = true
    var signals: [TokenBucket]
    /// The answer to the dialer at its timeout.
    var reason = WireDialFailed.Reason.unavailable
    /// How many Meets there were, and the connections that have declined one.
    var meetCount = 0
    var declined: Set<ConnectionID> = []
    /// When the latest Meet was sent.
    var metAt = NIODeadline.distantPast
    /// When it ends, unless both sides use its circuit; nil before the first Meet.
    var expiry: NIODeadline?

    func side(of connection: ConnectionID) -> Side? {
        connection == dialer ? .dialer : connection == called ? .called : nil
    }

    func other(than side: Side) -> ConnectionID? { side == .dialer ? called : dialer }

    /// Whether an instance has the Meet and has not answered it.
    var isUnanswered: Bool { if case .met = state { true } else { false } }

    /// What becomes of bytes that a side sends on the circuit.
    enum Carriage {
        /// There is no circuit.
        case nothing
        /// The side has no room for them, or the first flight has none.
        case violation
        /// They are part of the first flight, and kept for the instance that will answer.
        case kept
        /// They go on to the remote peer.
        case passed
    }

    /// Counts bytes that a side sends on the circuit, and keeps them until an instance has answered. Before one has the Meet, the first flight is all that the
    /// dialer may send.
    mutating func carry(_ data: Data, from side: Side, aheadLimit: Int) -> Carriage {
        guard circuit != nil else { return .nothing }
        guard (1...CircuitQueue.pieceSize).contains(data.count), circuit?.send(data.count, from: side) == true else { return .violation }
        guard side == .dialer, state != .answered else { return .passed }
        return keep(data, limit: aheadLimit) || called != nil ? .kept : .violation
    }

    /// Keeps bytes for the instance that will answer; false where they exceed `limit`. Small pieces are joined.
    private mutating func keep(_ data: Data, limit: Int) -> Bool {
        guard isRepeatable else { return true }
        aheadCount += data.count
        guard aheadCount <= limit else {
            forgetFlight()
            isRepeatable = false
            return false
        }
        if let last = ahead.indices.last, ahead[last].count + data.count <= CircuitQueue.pieceSize {
            ahead[last].append(data)
        } else {
            ahead.append(data)
        }
        return true
    }

    /// Forgets what the dialer has sent.
    mutating func forgetFlight() {
        early = Data()
        ahead = []
    }
}
