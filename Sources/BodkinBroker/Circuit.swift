import NIOCore

/// The accounts of a circuit: how much each side may still send.
///
/// A window begins small and grows where it is the window that holds the sender up: where the sender has used it, and the reader takes what comes. It is made
/// four times as large after each window's worth of bytes, so at most once in a round trip: TCP below doubles its own, and is not to wait.
struct Circuit {
    private var windows: [Int]
    private var room: [Int]
    /// Credit that is held back until the relayed bytes are paid for.
    private var held = [0, 0]
    /// The bytes that have come since the window was set.
    private var carried = [0, 0]
    private var since: [NIODeadline?] = [nil, nil]
    /// What the windows have grown by.
    private(set) var extra = 0
    /// Whether the called side has said anything: until then it is half finished.
    private(set) var isAnswered = false

    init(window: Int) {
        windows = [window, window]
        room = [window, window]
    }

    /// Counts what a side sends; false when it exceeds its room.
    mutating func send(_ count: Int, from side: Attempt.Side) -> Bool {
        guard count <= room[side.rawValue] else { return false }
        room[side.rawValue] -= count
        carried[side.rawValue] += count
        if side == .called { isAnswered = true }
        return true
    }

    /// How many bytes a side may still send, with the credit that it may have been given.
    func room(of side: Attempt.Side) -> Int { room[side.rawValue] }

    /// Counts the credit that a side is given; false when that is more than the window.
    mutating func credit(_ count: Int, to side: Attempt.Side) -> Bool {
        guard count <= windows[side.rawValue] - room[side.rawValue] - held[side.rawValue] else { return false }
        held[side.rawValue] += count
        return true
    }

    /// By how much the window of a side would be of use to grow, if the reader has so many bytes still to take; 0 where it is not what holds the side up.
    ///
    /// A side that is held up leaves no room, or carries a window's worth in a round trip: what is on its way from there, and credit on its way to there, count as room here.
    /// - Parameter roundTrip: of both ways together, as far as it is known.
    mutating func wantedRoom(of side: Attempt.Side, unread: Int, largest: Int, roundTrip: TimeAmount, now: NIODeadline) -> Int {
        let (side, window) = (side.rawValue, windows[side.rawValue])
        let isUsedUp = carried[side] >= window && room[side] <= window / 4
        // The time counts from a credit on.
        let isInTime = since[side].map { carried[side] >= window && (now - $0) * 2 < roundTrip * 3 } ?? false
        guard isUsedUp || isInTime else {
            if since[side] == nil || carried[side] >= window { restart(side, at: now) }
            return 0
        }
        return unread <= window / 4 ? max(0, min(3 * window, largest - window)) : 0
    }

    private mutating func restart(_ side: Int, at now: NIODeadline) { (carried[side], since[side]) = (0, now) }

    /// Lets the window of a side grow: the room comes with its next credit.
    mutating func widen(_ side: Attempt.Side, by count: Int, now: NIODeadline) {
        windows[side.rawValue] += count
        held[side.rawValue] += count
        restart(side.rawValue, at: now)
        extra += count
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
