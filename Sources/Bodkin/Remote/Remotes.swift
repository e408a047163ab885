import BodkinCore
import BodkinProtocols
import BodkinTransport

/// The dials and sessions of a peer, by remote peer: whatever concerns one remote is looked up there, and costs nothing for the others.
///
/// ```swift
/// for dial in remotes.dials(with: peer) where dial.role == .called { … }
/// ```
struct Remotes {
    /// What there is with one remote peer.
    private struct Remote {
        var dials: [AttemptID: Attempt] = [:]
        var sessions: [SessionID: ConnectionBox] = [:]
        var isEmpty: Bool { dials.isEmpty && sessions.isEmpty }
    }

    private var remotes: [PeerID: Remote] = [:]
    private var peers: [AttemptID: PeerID] = [:]
    /// How many sessions there are, and how many dials of others to this peer.
    private(set) var sessionCount = 0
    private(set) var calledCount = 0

    // MARK: Dials

    /// The dial of that ID.
    func dial(_ id: AttemptID) -> Attempt? { peers[id].flatMap { remotes[$0]?.dials[id] } }

    /// The dials of a remote peer, this peer's to it and its own.
    func dials(with peer: PeerID) -> [Attempt] { remotes[peer].map { Array($0.dials.values) } ?? [] }

    /// The dials that are for a session, or have led to it.
    func dials(for session: SessionDriver) -> [Attempt] { dials(with: session.peer).filter { $0.session === session } }

    /// Every dial, for what concerns the whole peer.
    var allDials: [Attempt] { remotes.values.flatMap(\.dials.values) }

    /// Whether there is no dial at all.
    var hasNoDials: Bool { peers.isEmpty }

    /// Keeps a dial. One of the same ID gives way to it.
    mutating func insert(_ dial: Attempt) {
        removeDial(dial.id)
        remotes[dial.peer, default: Remote()].dials[dial.id] = dial
        peers[dial.id] = dial.peer
        if dial.role == .called { calledCount += 1 }
    }

    /// Forgets a dial.
    mutating func remove(_ dial: Attempt) { if self.dial(dial.id) === dial { removeDial(dial.id) } }

    private mutating func removeDial(_ id: AttemptID) {
        guard let peer = peers.removeValue(forKey: id), let dial = remotes[peer]?.dials.removeValue(forKey: id) else { return }
        if dial.role == .called { calledCount -= 1 }
        prune(peer)
    }

    /// Forgets every dial.
    mutating func removeAllDials() {
        for id in Array(peers.keys) { removeDial(id) }
    }

    // MARK: Sessions

    /// The session of that ID with a remote peer.
    func session(_ id: SessionID, with peer: PeerID) -> ConnectionBox? { remotes[peer]?.sessions[id] }

    /// The sessions with a remote peer: with each of its instances there may be one.
    func sessions(with peer: PeerID) -> [ConnectionBox] { remotes[peer].map { Array($0.sessions.values) } ?? [] }

    /// Every session, for what concerns the whole peer.
    var allSessions: [ConnectionBox] { remotes.values.flatMap(\.sessions.values) }

    /// Whether there is anything with a remote peer.
    func knows(_ peer: PeerID) -> Bool { remotes[peer] != nil }

    /// The session that a further dial joins: one with a direct path before one on a circuit, and that before one without a path; of two alike the later one.
    func sessionToJoin(with peer: PeerID) -> ConnectionBox? {
        func rank(_ box: ConnectionBox) -> Int { box.driver.activePath.map { $0.kind.isDirect ? 2 : 1 } ?? 0 }
        return sessions(with: peer).filter { $0.driver.closeReason == nil && !$0.driver.isOnOffer }
            .max { (rank($0), $0.start) < (rank($1), $1.start) }
    }

    mutating func insert(_ box: ConnectionBox) {
        if remotes[box.driver.peer, default: Remote()].sessions.updateValue(box, forKey: box.driver.id) == nil { sessionCount += 1 }
    }

    mutating func remove(_ box: ConnectionBox) {
        if remotes[box.driver.peer]?.sessions.removeValue(forKey: box.driver.id) != nil { sessionCount -= 1 }
        prune(box.driver.peer)
    }

    private mutating func prune(_ peer: PeerID) { if remotes[peer]?.isEmpty == true { remotes[peer] = nil } }
}
