/// What a session knows about one of its paths.
struct SessionPath: Sendable {
    /// How far the path is closed towards the remote peer.
    enum Closing: Hashable, Sendable {
        case open
        case owed(PathCloseReason)
        case sent
    }

    let kind: PathKind
    /// OPEN is to be sent.
    var owesOpen: Bool
    /// CHOOSE (the dialer) or CHOSEN (the called side) is to be sent.
    var owesChoice = false
    /// The remote peer's OPEN has arrived.
    var isOpened = false
    /// The last choice of this path, 0 before the first.
    var generation: UInt64 = 0
    /// The remote peer may send records here: it has chosen this path, or followed the choice.
    var mayReceiveRecords = false
    /// The next record to send here, while this is the active path.
    var cursor: UInt64 = 0
    var closing = Closing.open
    /// The remote peer sends nothing more, or nothing more is read.
    var isDeaf = false

    /// The number of the PROBE that has no answer yet.
    var probe: UInt64?
    /// It is to be sent.
    var owesProbe = false
    /// The number of the remote peer's latest PROBE, which is to be answered.
    var owedAnswer: UInt64?
    /// The remote peer says that nothing arrives here: the next path, whatever its kind, is better.
    var isSuspect = false

    /// Whether PROBEs and their answers may be sent: after OPEN, which the called side owes only once it has the remote peer's.
    func mayProbe(_ role: Session.Role) -> Bool { closing == .open && (role == .dialer || isOpened) }

    /// Whether the path can carry a session.
    var isUsable: Bool { closing == .open && !isDeaf }
}
