import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// Two that dial each other at once: their handshakes may cross, and each end begin a session before it hears of the other's.
///
/// Who dials knowing that the other one does, too, begins its session as an offer: the caller has the connection when the far side has answered. Of two sessions
/// that both ends have begun, one that is no offer stands; of two offers, that of the lower peer ID. They cannot both be none: each handshake needs the other end, which
/// knows of it then. Both ends see both openings, and decide alike.
extension PeerEngine {
    /// Whether a dial of theirs has come to us and has led to nothing yet.
    func isDialed(by peer: PeerID) -> Bool { remotes.dials(with: peer).contains { $0.role == .called && $0.session == nil } }

    /// Both dial each other: the attempt of the lower peer ID stands, unless it waits at the server. Nil where there is none.
    func standing(against peer: PeerID) -> Attempt? {
        guard id < peer else { return nil }
        return remotes.dials(with: peer).first { $0.role == .dialer && $0.session == nil && !$0.isPending }
    }

    /// A dial of theirs that was left alone, since ours has come to nothing.
    func takeUp(_ meet: WireMeet) { if !isOver { received(meet, isTakenUp: true) } }

    /// Whether a session of our own stands against one that the same instance begins: the opening waits until ours is answered, or over. An offer of ours that gives
    /// way is over then.
    func holds(_ newcomer: UnopenedPath, _ opening: PathOpening, from peer: PeerID) -> Bool {
        guard opening.mode != .attach, opening.receiver == instance, let own = ownSession(with: peer, opening.sender), !own.driver.isConfirmed
        else { return false }
        let isOffer = opening.mode == .offer
        if own.driver.isOnOffer, !isOffer || peer < id {
            for attempt in remotes.dials(for: own.driver) { attempt.withdraw() }
            return false
        }
        guard isOffer else { return false }
        own.contenders.removeAll { !$0.isWaiting || $0 === newcomer }
        if own.contenders.count < Self.pathLimit { own.contenders.append(newcomer) } else { newcomer.close() }
        return true
    }

    /// Whether an opening that belongs to no dial of theirs has come late: its sender has answered our session meanwhile, and forgotten its own.
    func isOvertaken(_ opening: PathOpening, from peer: PeerID) -> Bool {
        opening.mode == .offer && ownSession(with: peer, opening.sender)?.driver.isConfirmed == true
    }

    private func ownSession(with peer: PeerID, _ instance: InstanceID) -> ConnectionBox? {
        remotes.sessions(with: peer).first {
            let driver = $0.driver
            return driver.role == .dialer && driver.remoteInstance == instance && driver.closeReason == nil
        }
    }

    /// An instance of theirs has a session with us: what we have offered to another one, which is not there any more, it will not answer.
    func withdrawOffers(to peer: PeerID, otherThan instance: InstanceID) {
        for attempt in remotes.dials(with: peer) where attempt.remoteInstance != instance { attempt.withdraw() }
    }

    /// The far side has our session: what it has begun itself it gives up, and so do we.
    func confirmed(_ box: ConnectionBox) {
        guard box.driver.role == .dialer else { return }
        for attempt in remotes.dials(for: box.driver) { attempt.confirmed() }
        endCalls(of: box.driver)
        for contender in box.contenders { contender.close() }
        box.contenders = []
    }

    /// A session of ours is over before the far side has answered: what waited for that goes ahead, and is what the caller of an offer has, if there is one.
    func makeWay(_ box: ConnectionBox, _ reason: SessionCloseReason) {
        let contenders = box.contenders.filter(\.isWaiting)
        box.contenders = []
        for attempt in remotes.dials(for: box.driver) where attempt.isOnOffer {
            attempt.lostOffer(contenders.isEmpty ? ConnectionBox.text(of: reason) : nil)
        }
        eventLoop.assumeIsolated().execute { for contender in contenders { contender.look() } }
    }

    /// Dials of theirs that have led to nothing are of no use beside a session.
    func endCalls(of driver: SessionDriver) {
        for attempt in remotes.dials(with: driver.peer)
        where attempt.role == .called && attempt.session == nil && attempt.remoteInstance == driver.remoteInstance {
            attempt.end()
        }
    }
}
