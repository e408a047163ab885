import BodkinCore
import BodkinProtocols

/// The memory of a peer for bytes that have arrived and that no application has read: receive windows are granted out of it.
///
/// Each session has the smallest window, whatever happens. What goes beyond comes from one pot, when an application uses the session and when its sender waits for the window. No
/// grant takes more than a quarter of what is left, nor one remote peer more than a quarter of all: so later ones find something, too. A grant comes back with the session's end.
struct ReceiveBudget {
    /// The window of a session that no application uses yet: the smallest of the wire format.
    static let smallestWindow = InitialLimits.floor
    /// No grant takes more than this part of what is left, and no remote peer more than this part of all.
    private static let part = 4

    private struct Grant {
        let peer: PeerID
        var window: Int
        var extra: Int { window - smallestWindow }
    }

    /// How many bytes there are beyond the smallest windows, and how many of them are not granted.
    private let pot: Int
    private(set) var left: Int
    private var grants: [SessionID: Grant] = [:]
    private var extras: [PeerID: Int] = [:]

    /// A budget of `bytes` for at most `sessions` sessions.
    init(bytes: Int, sessions: Int) {
        pot = max(0, bytes - sessions * Self.smallestWindow)
        left = pot
    }

    /// A session with a remote peer begins.
    mutating func open(_ session: SessionID, with peer: PeerID) {
        if grants[session] == nil { grants[session] = Grant(peer: peer, window: Self.smallestWindow) }
    }

    /// Grants a session as much as there is of what it wants.
    /// - Returns: its window from now on, never less than before.
    mutating func grow(_ session: SessionID, to wanted: Int) -> Int {
        guard var grant = grants[session] else { return Self.smallestWindow }
        let share = max(0, pot / Self.part - extras[grant.peer, default: 0])
        let more = min(wanted - grant.window, left / Self.part, share)
        guard more > 0 else { return grant.window }
        grant.window += more
        left -= more
        extras[grant.peer, default: 0] += more
        grants[session] = grant
        return grant.window
    }

    /// A session is over.
    mutating func close(_ session: SessionID) {
        guard let grant = grants.removeValue(forKey: session) else { return }
        left += grant.extra
        let rest = extras[grant.peer, default: 0] - grant.extra
        extras[grant.peer] = rest > 0 ? rest : nil
    }
}
