import BodkinCore
import FoundationEssentials
import NIOCore

/// One dial between two connections.
///
/// ```
/// waiting ── the dialler's warm connections are proved, or 250 ms ──▶ met ── MeetAck ──▶ answered
///    └── nobody to call ──▶ gone            declined, silent ──▶ gone ◀── 60 s, and no circuit that both use
/// ```
struct Attempt {
    enum State { case waiting, met, answered }
    /// One of the two ends.
    enum Side: Int { case dialler, called }

    let dialler: ConnectionID
    var called: ConnectionID?
    let target: PeerID
    /// The only instance of it that will do; nil where any will.
    let instance: InstanceID?
    let isDirect: Bool
    var early: Data
    let since: NIODeadline
    let accounts: [Account]
    var state = State.waiting
    var circuit: Circuit?
    /// What the dialler sends on the circuit before there is anybody to have it; bounded by the circuit's window.
    var ahead: [Data] = []
    var signals: [TokenBucket]

    func side(of connection: ConnectionID) -> Side? {
        connection == dialler ? .dialler : connection == called ? .called : nil
    }

    func other(than side: Side) -> ConnectionID? { side == .dialler ? called : dialler }

    /// Keeps bytes for the called side; small pieces are joined.
    mutating func keep(_ data: Data) {
        if let last = ahead.indices.last, ahead[last].count + data.count <= CircuitQueue.pieceSize {
            ahead[last].append(data)
        } else {
            ahead.append(data)
        }
    }
}

/// The accounts of a circuit: how much each side may still send.
struct Circuit {
    private let window: Int
    private var room: [Int]
    /// Credit that is held back until the relayed bytes are paid for.
    private var held = [0, 0]
    /// Whether the called side has said anything: until then it is half finished.
    private(set) var isAnswered = false

    init(window: Int) {
        self.window = window
        room = [window, window]
    }

    /// Counts what a side sends; false when it exceeds its room.
    mutating func send(_ count: Int, from side: Attempt.Side) -> Bool {
        guard count <= room[side.rawValue] else { return false }
        room[side.rawValue] -= count
        if side == .called { isAnswered = true }
        return true
    }

    /// Counts the credit that a side is given; false when that is more than the window.
    mutating func credit(_ count: Int, to side: Attempt.Side) -> Bool {
        guard count <= window - room[side.rawValue] - held[side.rawValue] else { return false }
        held[side.rawValue] += count
        return true
    }

    /// Whether a side's credit is held.
    func holds(_ side: Attempt.Side) -> Bool { held[side.rawValue] > 0 }

    /// The held credit of a side, which it has from now on.
    mutating func unhold(_ side: Attempt.Side) -> Int {
        defer { held[side.rawValue] = 0 }
        room[side.rawValue] += held[side.rawValue]
        return held[side.rawValue]
    }
}
