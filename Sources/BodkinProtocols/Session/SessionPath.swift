/// What a session knows about one of its paths.
struct SessionPath: Sendable {
    /// How far the path is closed towards the far side.
    enum Closing: Hashable, Sendable {
        case open
        case owed(PathCloseReason)
        case sent
    }

    let kind: PathKind
    var reader = PathReader()
    /// OPEN is to be sent.
    var owesOpen: Bool
    /// CHOOSE (the dialler) or CHOSEN (the called side) is to be sent.
    var owesChoice = false
    /// The far side's OPEN has arrived.
    var isOpened = false
    /// The last choice of this path, 0 before the first.
    var generation: UInt64 = 0
    /// The far side may send records here: it has chosen this path, or followed the choice.
    var mayReceiveRecords = false
    /// The next record to send here, while this is the active path.
    var cursor: UInt64 = 0
    var closing = Closing.open
    /// The far side sends nothing more, or nothing more is read.
    var isDeaf = false

    /// Whether the path can carry a session.
    var isUsable: Bool { closing == .open && !isDeaf }
}
