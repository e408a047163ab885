import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// Sessions go on when their paths die: the dialer dials again for the same session, and the called side asks it to.
extension PeerEngine {
    /// The far side is heard once in so long.
    private static let recallInterval = TimeAmount.milliseconds(500)

    /// How often another path is looked for because of a late answer alone.
    private static let doubtInterval = TimeAmount.seconds(5)

    /// An answer is late. What else has died is found out, and another path looked for beside the direct one, which goes on if it answers after all: when it is
    /// given up, the other one is there, or nearly.
    func doubted(_ box: ConnectionBox) {
        suspectNetwork(isUrgent: true)
        if box.driver.activePath?.kind == .circuit { probeServerWhileWaiting() }
        guard box.driver.activePath?.kind.isDirect == true, box.doubtedAt.map({ eventLoop.now - $0 > Self.doubtInterval }) ?? true else { return }
        box.doubtedAt = eventLoop.now
        if box.driver.role == .dialer { box.driver.suspect() }
        redial(box, .anyPath)
    }

    /// The path that carried a session is dead. What killed it may have killed more.
    func lost(_ path: Path, _ error: (any Error)?, of box: ConnectionBox) {
        box.lostPath()
        metrics.lostPath(path.kind)
        let reason = error?.inPlainWords ?? "closed"
        tell(.pathLost(box.driver.peer, Route(path.kind), reason: reason), since: box.start)
        suspectNetwork(isUrgent: true)
        probeServerWhileWaiting()
    }

    /// What an answer takes where TCP has to repeat the question or the answer once: its least timeout beyond the round trip is 200 ms in Linux.
    var verificationTime: TimeAmount { max(.milliseconds(600), serverRoundTrip * 3 + .milliseconds(300)) }

    /// Finds out, without waiting for TCP to notice, whether the server and our mappings are still there. A link that carries nothing is replaced where that has
    /// to be repeated: it costs no more than the repetition.
    /// - Parameter isUrgent: whether something has happened for certain, or an answer is late.
    func suspectNetwork(isUrgent: Bool = false) {
        probeServer()
        verifyMappings(isUrgent: isUrgent)
    }

    /// A session's paths have changed: sees to it in time.
    func tend(_ box: ConnectionBox) {
        guard box.driver.closeReason == nil else { return }
        box.upkeep.carried(by: box.driver.activePath?.kind, at: box.elapsed)
        box.tending?.cancel()
        box.tending = nil
        guard let deadline = box.upkeep.deadline else { return }
        let at = box.start + TimeAmount(deadline) + .nanoseconds(1)
        box.tending = OneShot(on: eventLoop, at: at) { [weak self, weak box] in if let box { self?.act(for: box) } }
    }

    private func act(for box: ConnectionBox) {
        box.tending = nil
        guard box.driver.closeReason == nil else { return }
        if isOver { return box.driver.fail("the last path failed, and the local peer looks for no other" + (failure.map { ", for \($0)" } ?? "")) }
        switch box.upkeep.act(at: box.elapsed) {
        case .giveUp?: return box.driver.fail("no path to the peer for \(Int(configuration.pathlessLifetime / .seconds(1))) s")
        case .redial?:
            // Whatever is sent for it may be sent to nobody.
            suspectNetwork()
            if isDialing(for: box) { box.upkeep.began() } else { redial(box, .anyPath) }
        case .upgrade?: redial(box, .directPath)
        case nil: break
        }
        tend(box)
    }

    private func redial(_ box: ConnectionBox, _ aim: Attempt.Aim) {
        guard box.driver.role == .dialer else { return recall(box) }
        for attempt in remotes.dials(for: box.driver) where attempt.isResumption { attempt.end() }
        box.upkeep.began()
        // Where the first dial is still at it, it looks for the direct path; another circuit is to be had beside it.
        let isMeeting = remotes.dials(for: box.driver).contains { $0.mayStillConnect }
        guard !isMeeting || aim == .anyPath && usesCircuits else { return }
        let attempt = Attempt(resuming: box.driver, isMeeting ? .circuit : aim, engine: self)
        keep(attempt)
        attempt.begin()
    }

    /// One of the dials for a session is over.
    func attemptEnded(for box: ConnectionBox) {
        guard !remotes.dials(for: box.driver).contains(where: { $0.role == .dialer }) else { return }
        box.upkeep.ended(at: box.elapsed, jitter: .random(in: 0.5...1.5))
        tend(box)
    }

    // MARK: The called side

    /// Asks the dialer for another path. There is no answer but that: it is asked again while there is none.
    private func recall(_ box: ConnectionBox) {
        box.upkeep.began()
        if isRegistrationSent { sendRecall(for: box) }
        box.upkeep.ended(at: box.elapsed, jitter: .random(in: 0.5...1.5))
    }

    private func sendRecall(for box: ConnectionBox) {
        var recall = WireRecall()
        recall.peer = Data(box.driver.peer.publicKey)
        recall.instance = Data(box.driver.remoteInstance.bytes)
        recall.session = Data(box.driver.id.bytes)
        recall.generation = box.driver.generation
        link?.send(.recall(recall))
    }

    /// The server is about to know us again, over another link: the dialers of the sessions that wait for a path hear of it a round trip earlier than of its answer.
    func requestPaths() {
        for box in remotes.allSessions where box.driver.role == .called && (box.driver.activePath == nil || box.driver.isDoubted) {
            sendRecall(for: box)
        }
    }

    /// The called side of one of our sessions has no path that works, or its network has changed.
    func received(_ recall: WireRecall) {
        guard let peer = PeerID(publicKey: recall.peer), let session = SessionID(bytes: recall.session),
            let box = remotes.session(session, with: peer), box.driver.role == .dialer,
            box.driver.remoteInstance.bytes == Array(recall.instance),
            box.driver.activePath == nil || recall.generation >= box.driver.generation,
            box.recalledAt.map({ eventLoop.now - $0 >= Self.recallInterval }) ?? true
        else { return }
        box.recalledAt = eventLoop.now
        if isDialing(for: box) { return }
        if box.driver.activePath?.kind == .circuit { return hurry(box) }
        box.driver.suspect()
        redial(box, .anyPath)
    }

    /// Whether another path is looked for already, by a dial so young that it would not be begun again. A dial for a direct path alone is none where a circuit would do.
    private func isDialing(for box: ConnectionBox) -> Bool {
        remotes.dials(for: box.driver).contains { $0.role == .dialer && $0.elapsed < youth && !($0.isUpgrade && usesCircuits) }
    }

    /// What it takes to meet.
    private var youth: Duration { .nanoseconds(max(.milliseconds(400), serverRoundTrip * 5).nanoseconds) }

    // MARK: Hurrying

    /// The network has changed, or the server is back: what failed before may succeed now.
    func hurry() { for box in remotes.allSessions { hurry(box) } }

    /// The server sees the reserved port by another mapping. Who is meeting hears of it; where nobody is, a circuit may be left for a direct path now.
    func hurryUpgrades() {
        for box in remotes.allSessions where box.driver.activePath?.kind == .circuit {
            box.upkeep.hurry(at: box.elapsed)
            tend(box)
        }
    }

    private func hurry(_ box: ConnectionBox) {
        box.upkeep.hurry(at: box.elapsed)
        // What was sent for it before may have been sent to nobody, and the circuit of a meeting is gone with the link that it ran on.
        let isDialed = remotes.dials(for: box.driver).contains { $0.phase == .dialed }
        if box.driver.isDoubted || box.driver.activePath == nil && !isDialed { redial(box, .anyPath) }
        tend(box)
    }
}
