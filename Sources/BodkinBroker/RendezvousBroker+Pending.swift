import BodkinCore
package import BodkinProtocols
import FoundationEssentials
package import NIOCore

/// Dials that wait for a peer that is away, or that does not admit the dialer: the two look the same.
extension RendezvousBroker {
    /// Nobody can be met. The attempt waits for a registration that admits the dialer, unless its timeout is over, or the room for it is used up.
    mutating func pend(_ id: AttemptID, now: NIODeadline) {
        guard let attempt = attempts[id] else { return }
        guard now < attempt.patienceEnd else { return giveUp(id, attempt.reason, now: now) }
        guard pendingCount < limits.pendingDials, pending[attempt.target]?.count ?? 0 < limits.pendingDialsPerPeer,
            quotas.take(.pendingDial, attempt.accounts, now: now)
        else { return giveUp(id, attempt.meetCount == 0 ? .quota : attempt.reason, now: now) }
        attempts[id]?.state = .pending
        pending[attempt.target, default: []].insert(id)
        pendingCount += 1
        var message = WireDialPending()
        message.attempt = Data(id.bytes)
        actions.append(.send(.dialPending(message), to: attempt.dialer))
    }

    /// Takes an attempt out of those that wait.
    mutating func leavePending(_ id: AttemptID, now: NIODeadline) {
        guard let attempt = attempts[id], attempt.state == .pending, pending[attempt.target]?.remove(id) != nil else { return }
        if pending[attempt.target]?.isEmpty == true { pending[attempt.target] = nil }
        pendingCount -= 1
        quotas.release(.pendingDial, attempt.accounts, now: now)
    }

    /// A registration of `peer` is new, or admits others than before: everybody who waits for it is met, in the order of their dials and in small groups.
    mutating func meetPending(for peer: PeerID, now: NIODeadline) {
        let waiting = (pending[peer] ?? []).compactMap { id in attempts[id].map { (id: id, since: $0.since) } }
        guard !waiting.isEmpty else { return }
        dueMeets[peer] = waiting.sorted(by: { $0.since < $1.since }).map(\.id)[...]
        meetDue(peer, now: now)
    }

    /// The next group.
    mutating func meetDue(_ peer: PeerID, now: NIODeadline) {
        guard let due = dueMeets.removeValue(forKey: peer) else { return }
        for id in due.prefix(limits.meetsAtOnce) where attempts[id]?.state == .pending { meet(id, now: now) }
        let rest = due.dropFirst(limits.meetsAtOnce)
        guard !rest.isEmpty else { return }
        dueMeets[peer] = rest
        if dueMeetTimers.insert(peer).inserted { schedule(.dueMeets(peer), at: now + limits.meetsInterval) }
    }

    /// The instance that had the Meet has declined it, has not answered in time, or is gone. The dialer waits for another one. It has
    /// received no byte of this one, so it need not send again what it has sent.
    mutating func missed(_ id: AttemptID, _ reason: WireDialFailed.Reason, now: NIODeadline) {
        guard let attempt = attempts[id], case .met(_, let isWanted) = attempt.state, let called = attempt.called else { return }
        guard isWanted else { return remove(id, now: now) }
        guard now < attempt.patienceEnd, attempt.isRepeatable, attempt.meetCount < limits.meetsPerAttempt else { return giveUp(id, reason, now: now) }
        if attempt.circuit != nil { drop(id, at: called) }
        clients[called]?.attempts.remove(id)
        attempts[id]?.called = nil
        attempts[id]?.reason = reason
        pend(id, now: now)
        // Another instance may be there.
        meet(id, now: now)
    }

    /// The called side has the Meet.
    mutating func accepted(_ id: AttemptID, now: NIODeadline) {
        guard case .met(_, let isWanted)? = attempts[id]?.state else { return }
        guard isWanted else { return remove(id, now: now) }
        attempts[id]?.state = .answered
        attempts[id]?.forgetFlight()
        _ = payFlight(id)
        widenForDistance(id, now: now)
    }

    /// The dialer has waited for as long as it wanted to.
    mutating func endPatience(_ id: AttemptID, now: NIODeadline) {
        guard let attempt = attempts[id], now >= attempt.patienceEnd else { return }
        switch attempt.state {
        case .proving, .answered: break
        case .pending: giveUp(id, attempt.reason, now: now)
        case .met(_, isWanted: true):
            sendFailure(id, .unresponsive, to: attempt.dialer)
            forgo(id, now: now)
        case .met: break
        }
    }

    /// The dialer gives up a dial. What both sides have is not touched.
    package mutating func cancel(_ id: ConnectionID, _ wire: WireDialCancel, now: NIODeadline) {
        guard let attempt = AttemptID(bytes: wire.attempt) else { return fail(id, .protocol, "The attempt has a wrong length. Use 16 bytes.") }
        guard let state = attempts[attempt]?.state, attempts[attempt]?.dialer == id else { return }
        switch state {
        case .proving, .pending: remove(attempt, now: now)
        case .met: forgo(attempt, now: now)
        case .answered: break
        }
    }

    /// Nobody wants the answer to a Meet any more, but it is waited for: a connection that answers nothing is dead, and the next dial is not to find it.
    private mutating func forgo(_ id: AttemptID, now: NIODeadline) {
        guard let attempt = attempts[id], case .met(let answerBy, isWanted: true) = attempt.state else { return }
        if attempt.circuit != nil {
            drop(id, at: attempt.dialer)
            if let called = attempt.called { actions.append(.endCircuit(id, .finished, to: called)) }
            endCircuit(id, now: now)
        }
        attempts[id]?.state = .met(answerBy: answerBy, isWanted: false)
    }
}
