import BodkinCore
package import BodkinProtocols
import FoundationEssentials
package import NIOCore

extension RendezvousBroker {
    /// A peer dials another.
    package mutating func dial(_ id: ConnectionID, _ wire: WireDial, now: NIODeadline) {
        guard let client = clients[id] else { return }
        guard let registration = client.registration else {
            return fail(id, .protocol, "The connection has no registration. Register before a dial, because the remote peer needs the card.")
        }
        guard let target = PeerID(publicKey: wire.to), let attempt = AttemptID(bytes: wire.attempt) else {
            return fail(id, .protocol, "The dial is malformed. Name a key of 32 bytes and an attempt of 16 bytes.")
        }
        guard wire.early.count <= MessageBound.earlySize else {
            return fail(id, .tooLarge, "The early bytes of the dial are too many. Send at most 4096.")
        }
        let instance = InstanceID(bytes: wire.instance)
        guard wire.instance.isEmpty || instance != nil else { return fail(id, .protocol, "The instance has a wrong length. Use 16 bytes.") }
        guard attempts[attempt] == nil else { return fail(id, .protocol, "The attempt exists already. Use 16 random bytes for each dial.") }
        dials &+= 1
        let wantsCircuit = !wire.early.isEmpty
        guard wire.direct || wantsCircuit else { return fail(id, .protocol, "The dial wants no path. Ask for a direct path, a circuit, or both.") }
        // Whether that peer is there or not, which the dialer is not to learn.
        guard pairDials.take([(Pair(from: client.accounts[1], to: target), 1)], now: now), quotas.takeDial(client.accounts, now: now),
            attempts.count < limits.attempts
        else { return sendFailure(attempt, .quota, to: id) }
        let hasCircuit = wantsCircuit && quotas.take(.circuit, client.accounts, now: now)
        if wantsCircuit && !hasCircuit {
            guard wire.direct else { return sendFailure(attempt, .quota, to: id) }
            sendClose(attempt, .quota, to: id)
        }
        let patienceEnd = now + min(.milliseconds(Int64(wire.patienceMs)), limits.patience)
        attempts[attempt] = Attempt(
            dialer: id, target: target, instance: instance, isDirect: wire.direct, early: hasCircuit ? wire.early : Data(), since: now,
            patienceEnd: patienceEnd, accounts: client.accounts,
            circuit: hasCircuit ? Circuit(window: limits.circuitWindow) : nil, signals: Array(repeating: Self.signals(now), count: 2))
        if hasCircuit { circuitCount += 1 }
        clients[id]?.attempts.insert(attempt)
        if !payFlight(attempt) { exhaust(attempt, now: now) }
        guard wire.direct || attempts[attempt]?.circuit != nil else {
            remove(attempt, now: now)
            return sendFailure(attempt, .quota, to: id)
        }
        if patienceEnd > now { schedule(.patience(attempt), at: patienceEnd) }
        guard wire.direct, client.bindings.count < registration.expectedBindings, now < client.bindingDeadline else { return meet(attempt, now: now) }
        clients[id]?.waiting.insert(attempt)
        schedule(.bindings(attempt), at: client.bindingDeadline)
    }

    /// Tells both sides, at the same moment.
    mutating func meet(_ id: AttemptID, now: NIODeadline) {
        guard var attempt = attempts[id], attempt.state == .proving || attempt.state == .pending, let dialer = clients[attempt.dialer] else {
            return
        }
        clients[attempt.dialer]?.waiting.remove(id)
        guard let target = dialable(for: attempt, now: now), let called = clients[target],
            let callerCard = dialer.registration?.card, let calledCard = called.registration?.card
        else { return attempt.state == .pending ? () : pend(id, now: now) }
        leavePending(id, now: now)
        let timing = MeetTiming(dialer: dialer.roundTrip, called: called.roundTrip)
        var toCalled = Self.invitation(id, attempt, card: callerCard, from: dialer, to: called)
        toCalled.early = attempt.early
        toCalled.startInUs = timing.called.wireMicroseconds
        toCalled.intervalUs = timing.interval.wireMicroseconds
        var toDialer = Self.invitation(id, attempt, card: calledCard, from: called, to: dialer)
        toDialer.isDialer = true
        toDialer.startInUs = timing.dialer.wireMicroseconds
        toDialer.intervalUs = timing.interval.wireMicroseconds
        // The farther one first: not that a microsecond matters.
        actions.append(.send(.meet(toCalled), to: target))
        actions.append(.send(.meet(toDialer), to: attempt.dialer))
        let fourTrips = TimeAmount.nanoseconds(min(max(called.roundTrip.nanoseconds, 0), 10_000_000_000) * 4)
        // Three retransmissions of TCP fit.
        let answerBy = now + max(.seconds(3), fourTrips)
        attempt.called = target
        attempt.state = .met(answerBy: answerBy, isWanted: true)
        attempt.meetCount += 1
        attempt.metAt = now
        attempt.expiry = now + limits.attemptLifetime
        attempts[id] = attempt
        clients[target]?.attempts.insert(id)
        schedule(.answer(id), at: answerBy)
        for data in attempt.ahead {
            guard queue(data.count, of: id, for: target, attempt.accounts) else {
                exhaust(id, now: now)
                break
            }
            actions.append(.relay(data, id, to: target))
        }
        schedule(.expiry(id), at: now + limits.attemptLifetime)
    }

    private static func invitation(_ id: AttemptID, _ attempt: Attempt, card: WireSignedCard, from: Client, to: Client) -> WireMeet {
        var meet = WireMeet()
        meet.attempt = Data(id.bytes)
        meet.peer = Data(from.peer.publicKey)
        meet.instance = Data(from.instance.bytes)
        meet.direct = attempt.isDirect
        guard attempt.isDirect else { return meet }
        meet.card = card
        meet.observed = from.bindings.map { WireTransportAddress($0.endpoint) }
        meet.ownObserved = to.bindings.map { WireTransportAddress($0.endpoint) }
        return meet
    }

    /// The called side has the Meet.
    package mutating func answer(_ id: ConnectionID, _ wire: WireMeetAck, now: NIODeadline) {
        guard let attempt = AttemptID(bytes: wire.attempt) else { return fail(id, .protocol, "The attempt has a wrong length. Use 16 bytes.") }
        guard attempts[attempt]?.called == id, attempts[attempt]?.isUnanswered == true else { return }
        switch wire.answer {
        case .accepted: accepted(attempt, now: now)
        case .declined, .UNRECOGNIZED: decline(attempt, by: id, .unavailable, now: now)
        }
    }

    mutating func giveUpOnAnswer(_ id: AttemptID, now: NIODeadline) {
        guard let attempt = attempts[id], case .met(let answerBy, _) = attempt.state, answerBy <= now, let called = attempt.called else { return }
        // A peer that has spoken since the Meet reached it is alive, and loses this attempt alone: a dialer cannot have it disconnected.
        if let client = clients[called], client.heard > attempt.metAt + client.roundTrip { return late(id, by: called, now: now) }
        fail(called, .unspecified, "The peer did not answer a Meet in time. Connect and register again.")
        leave(called, now: now)
    }

    /// The connection lives, and its answer is late: nothing may arrive there for a while. The answer is waited for as long as the dialer waits, unless there is
    /// another instance, which may have the Meet now.
    private mutating func late(_ id: AttemptID, by called: ConnectionID, now: NIODeadline) {
        guard var attempt = attempts[id], case .met(_, isWanted: true) = attempt.state, now < attempt.patienceEnd else {
            return decline(id, by: called, .unresponsive, now: now)
        }
        attempt.declined.insert(called)
        guard dialable(for: attempt, now: now) == nil else { return decline(id, by: called, .unresponsive, now: now) }
        attempts[id]?.state = .met(answerBy: attempt.patienceEnd, isWanted: true)
        schedule(.answer(id), at: attempt.patienceEnd)
    }

    /// The connection has not taken the Meet: another instance may, or this one over another connection.
    private mutating func decline(_ id: AttemptID, by called: ConnectionID, _ reason: WireDialFailed.Reason, now: NIODeadline) {
        attempts[id]?.declined.insert(called)
        missed(id, reason, now: now)
    }

    /// A message for `connection` was not sent, because it is too long or too much waits there. Whoever caused it loses the request, and `connection` nothing else.
    package mutating func undelivered(_ body: WireEnvelope.OneOf_Body, to connection: ConnectionID, now: NIODeadline) {
        // Signals, Recalls and the like are best effort.
        guard case .meet(let meet) = body, let id = AttemptID(bytes: meet.attempt), let attempt = attempts[id] else { return }
        switch attempt.side(of: connection) {
        case .called? where attempt.isUnanswered: decline(id, by: connection, .unresponsive, now: now)
        case .dialer?:
            giveUp(id, .unavailable, now: now)
            if attempt.circuit != nil, let called = attempt.called { sendClose(id, .peerGone, to: called) }
        case .called?, nil: break
        }
    }

    /// One side's connection is gone.
    mutating func abandon(_ id: AttemptID, by connection: ConnectionID, now: NIODeadline) {
        guard let attempt = attempts[id], let side = attempt.side(of: connection) else { return }
        if side == .called && attempt.isUnanswered { return missed(id, .unresponsive, now: now) }
        if attempt.circuit != nil, let other = attempt.other(than: side) { actions.append(.endCircuit(id, .peerGone, to: other)) }
        remove(id, now: now)
    }

    /// The dial has failed: the dialer learns why, the called side nothing.
    mutating func giveUp(_ id: AttemptID, _ reason: WireDialFailed.Reason, now: NIODeadline) {
        guard let attempt = attempts[id] else { return }
        if attempt.circuit != nil {
            drop(id, at: attempt.dialer)
            if let called = attempt.called { drop(id, at: called) }
        }
        sendFailure(id, reason, to: attempt.dialer)
        remove(id, now: now)
    }

    mutating func expireAttempt(_ id: AttemptID, now: NIODeadline) {
        guard let attempt = attempts[id], attempt.circuit?.isAnswered != true, let expiry = attempt.expiry, now >= expiry else { return }
        if attempt.circuit != nil {
            for side in [attempt.dialer, attempt.called] { if let side { actions.append(.endCircuit(id, .finished, to: side)) } }
        }
        remove(id, now: now)
    }

    mutating func remove(_ id: AttemptID, now: NIODeadline) {
        endCircuit(id, now: now)
        leavePending(id, now: now)
        guard let attempt = attempts.removeValue(forKey: id) else { return }
        for side in [attempt.dialer, attempt.called].compactMap({ $0 }) {
            clients[side]?.attempts.remove(id)
            clients[side]?.waiting.remove(id)
        }
    }

    mutating func sendFailure(_ attempt: AttemptID, _ reason: WireDialFailed.Reason, to id: ConnectionID) {
        var failure = WireDialFailed()
        failure.attempt = Data(attempt.bytes)
        failure.reason = reason
        actions.append(.send(.dialFailed(failure), to: id))
    }
}
