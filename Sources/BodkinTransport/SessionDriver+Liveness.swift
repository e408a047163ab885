package import BodkinCore
import BodkinProtocols
import NIOCore
import OrderedCollections

/// Which paths still answer, and what becomes of those that do not.
extension SessionDriver {
    /// A check so much later than planned means that the process was held up, or the machine asleep.
    private static let lateness = TimeAmount.milliseconds(500)
    /// So many segments are not lost together where others arrive.
    private static let flowingSegments = 8
    /// By so much the system may count a silence too short, and a record end before its last packet.
    private static let jiffies = Duration.milliseconds(50)

    func probe(_ id: PathID) {
        session.probe(id)
        liveness[id]?.probed(at: elapsed)
    }

    /// Asks every path for a sign of life, now: something may have happened to it.
    package func probeAll() {
        for id in paths.keys { probe(id) }
        drive()
    }

    /// The remote peer says that nothing arrives on the path that carries the session: the next path that comes up takes over, unless this one answers.
    package func suspect() {
        guard let id = session.activePath else { return }
        session.suspect(id)
        liveness[id]?.probed(at: elapsed)
        drive()
    }

    /// Gives up every path that leaves from an address which is ours no more.
    package func leave(addressesOtherThan ours: Set<IPAddress>) {
        for (id, path) in paths { if let local = path.local, !ours.contains(local.address) { giveUp(id, PathError.addressGone) } }
        drive()
    }

    /// Schedules the next liveness check: when the first path may be dead or is to be probed.
    func lookInTime() {
        guard closeReason == nil, var first = liveness.values.first?.deadline else { return }
        for path in liveness.values { first = min(first, path.deadline) }
        // A duration has fractions of nanoseconds: never before it.
        let at = eventLoop.now + TimeAmount(max(first - elapsed, .zero)) + .nanoseconds(1)
        // A timer that comes too early checks again; most are rescheduled before they come.
        if let look, look.at <= at { return }
        look?.task.cancel()
        look = (OneShot(on: eventLoop, at: at) { [weak self] in self?.lookAtPaths() }, at)
    }

    private func lookAtPaths() {
        guard let planned = look?.at else { return }
        look = nil
        let isLate = eventLoop.now - planned > Self.lateness
        for id in Array(liveness.keys) {
            guard let limit = liveness[id]?.limit else { continue }
            let isOnly = findsOtherPaths && !session.hasAlternative(to: id)
            switch liveness[id]?.check(at: elapsed, isLate: isLate, isOnly: isOnly) {
            case .alive?, nil: break
            case .overdue? where id == session.activePath: ask(id)
            case .overdue?: liveness[id]?.rest()
            case .probe?: probe(id)
            case .silent? where hasNoPackets(id): doubt(id)
            case .silent?: break
            case .doubtful? where liveness[id]?.isExcused == false && hasArrived(id): liveness[id]?.excuse()
            case .doubtful?: doubt(id)
            case .heldUp? where hasAdvanced(id), .dead? where hasAdvanced(id):
                // What was sent has arrived, and so has its acknowledgement.
                session.trust(id)
                liveness[id]?.advanced(at: elapsed)
            case .heldUp?: onEvent(.stillSilent)
            case .dead?:
                if let path = paths[id] { onEvent(.fellSilent(path)) }
                if let path = paths[id], let silence = liveness[id]?.silence { onEvent(.expired(path, silence)) }
                giveUp(id, PathError.silent(limit))
            }
        }
        drive()
    }

    /// Nothing that the session can read has come for longer than usual: where packets do come, as those of a long record on a slow link, nothing is to be asked.
    private func ask(_ id: PathID) {
        guard let silence = paths[id]?.transmission?.silence, let expectation = liveness[id]?.expectation, silence < expectation - Self.jiffies else {
            return probe(id)
        }
        liveness[id]?.arrived(silence, at: elapsed)
    }

    private func doubt(_ id: PathID) {
        liveness[id]?.callDoubtful()
        acknowledged[id] = paths[id]?.transmission?.acknowledged
        onEvent(.doubtful)
    }

    /// Whether the remote peer's system has all that was sent.
    private func hasArrived(_ id: PathID) -> Bool { paths[id]?.transmission?.segmentsUnderWay == 0 }

    /// Whether nothing at all has come from the remote peer's system for a while in which much was under way to it.
    private func hasNoPackets(_ id: PathID) -> Bool {
        guard let transmission = paths[id]?.transmission, let silence = liveness[id]?.packetSilence else { return false }
        return transmission.segmentsUnderWay >= Self.flowingSegments && transmission.silence >= silence - Self.jiffies
    }

    /// Whether the path that carries the session is doubted: an answer on it is late.
    package var isDoubted: Bool { session.activePath.map { liveness[$0]?.isDoubted ?? false } ?? false }

    /// Whether bytes have been acknowledged since the path was called doubtful: a record takes longer than three round trips on a slow link, and a system
    /// acknowledges no more than its buffer holds for a program that does not run.
    private func hasAdvanced(_ id: PathID) -> Bool {
        guard let before = acknowledged[id], let now = paths[id]?.transmission?.acknowledged else { return false }
        return now > before
    }

    func giveUp(_ id: PathID, _ error: PathError) {
        paths[id]?.discard()
        lose(id, error)
    }
}
