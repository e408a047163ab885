package import BodkinCore
package import BodkinProtocols
import FoundationEssentials
package import NIOCore

extension RendezvousBroker {
    /// Eight at once, four a second: a peer replaces its reserved port seldom.
    static func signals(_ now: NIODeadline) -> TokenBucket { TokenBucket(rate: 4, burst: 8, now: now) }

    /// A listener whose network changes recalls the dialers of all its sessions: a thousand of them in twelve seconds.
    static func recalls(_ now: NIODeadline) -> TokenBucket { TokenBucket(rate: 64, burst: 256, now: now) }

    /// Passes a Signal on, built anew; one too many is dropped.
    package mutating func signal(_ id: ConnectionID, _ wire: WireSignal, now: NIODeadline) {
        guard let passed = wire.rebuilt else {
            return fail(id, .protocol, "The signal has neither a signed card of at most \(Card.maximumSize) bytes nor a forecast. Send one of them.")
        }
        guard let attempt = AttemptID(bytes: wire.attempt), let side = attempts[attempt]?.side(of: id),
            let other = attempts[attempt]?.other(than: side),
            attempts[attempt]?.signals[side.rawValue].take(now: now) == true
        else { return }
        actions.append(.send(.signal(passed), to: other))
    }

    /// Passes a Recall on to the instance that it names, if that is registered; one too many is dropped. An instance that does not admit the sender gets few.
    package mutating func recall(_ id: ConnectionID, _ wire: WireRecall, now: NIODeadline) {
        guard let client = clients[id], client.registration != nil else {
            return fail(id, .protocol, "The connection has no registration. Register before a recall.")
        }
        guard let peer = PeerID(publicKey: wire.peer), let instance = InstanceID(bytes: wire.instance), wire.session.count == 16 else {
            return fail(id, .protocol, "The recall is malformed. Name a key of 32 bytes, and an instance and a session of 16 bytes.")
        }
        guard clients[id]?.recalls.take(now: now) == true, let target = instances[InstanceKey(peer: peer, instance: instance)] else {
            return
        }
        // The dialer of a session need not admit the one that it has dialed.
        guard
            clients[target]?.registration?.admission.admits(client.peer) == true
                || pairRecalls.take([(Pair(from: client.accounts[1], to: peer), 1)], now: now)
        else { return }
        var passed = WireRecall()
        passed.peer = Data(client.peer.publicKey)
        passed.instance = Data(client.instance.bytes)
        passed.session = wire.session
        passed.generation = wire.generation
        actions.append(.send(.recall(passed), to: target))
    }

    /// Passes bytes of a circuit on.
    package mutating func relay(_ id: ConnectionID, _ wire: WireCircuitData, now: NIODeadline) {
        guard let attempt = AttemptID(bytes: wire.attempt) else { return fail(id, .protocol, "The attempt has a wrong length. Use 16 bytes.") }
        // Every message of a circuit comes here, so the attempt is looked up once and changed in place.
        guard let index = attempts.index(forKey: attempt), let side = attempts.values[index].side(of: id) else {
            guard takeStray(id, wire.data.count, now: now) else { return }
            return sendClose(attempt, .violation, to: id)
        }
        let count = wire.data.count
        switch attempts.values[index].carry(wire.data, from: side, aheadLimit: limits.aheadBytes) {
        // What was on its way when the circuit ended is nobody's fault.
        case .nothing:
            takeStray(id, count, now: now)
            return
        case .violation: return violate(id, attempt, now: now)
        case .kept: guard payFlight(attempt) else { return exhaust(attempt, now: now) }
        case .passed: break
        }
        relayedBytes &+= UInt64(count)
        let accounts = attempts.values[index].accounts
        _ = quotas.relay(count, accounts, now: now)
        let other = attempts.values[index].other(than: side)
        // What the called side says on the circuit is an answer: from then on the circuit is between these two.
        if side == .called, attempts.values[index].isUnanswered {
            accepted(attempt, now: now)
            guard attempts[attempt] != nil else { return }
        }
        guard let other else { return }
        guard queue(count, of: attempt, for: other, accounts) else { return exhaust(attempt, now: now) }
        actions.append(.relay(wire.data, attempt, to: other))
    }

    /// The reader of a circuit gives credit, which it has earned: ``CircuitQueue/credit(_:of:)`` has said so.
    package mutating func credit(_ id: ConnectionID, _ wire: WireCircuitCredit, now: NIODeadline) {
        guard let attempt = AttemptID(bytes: wire.attempt), let side = attempts[attempt]?.side(of: id), attempts[attempt]?.circuit != nil else {
            takeStray(id, now: now)
            return
        }
        if side == .called { accepted(attempt, now: now) }
        let writer: Attempt.Side = side == .dialer ? .called : .dialer
        let isHeld = attempts[attempt]?.circuit?.holds(writer) == true
        guard wire.bytes > 0, attempts[attempt]?.circuit?.credit(Int(wire.bytes), to: writer) == true else { return violate(id, attempt, now: now) }
        widen(attempt, for: writer, readBy: id, now: now)
        if !isHeld { passCredit(attempt, to: writer, now: now) }
    }

    /// Lets a circuit's window grow where it holds the writer up, and memory is there.
    private mutating func widen(_ id: AttemptID, for writer: Attempt.Side, readBy reader: ConnectionID, now: NIODeadline) {
        guard let attempt = attempts[id] else { return }
        let (unread, roundTrip) = (clients[reader]?.queued[id]?.count ?? 0, roundTrip(of: attempt))
        let wanted = attempts[id]?.circuit?.wantedRoom(
            of: writer, unread: unread, largest: limits.largestCircuitWindow, roundTrip: roundTrip, now: now)
        guard let wanted, wanted > 0 else { return }
        let granted = windows.take(wanted, attempt.accounts) { quotas.memory(of: $0) }
        if granted > 0 { attempts[id]?.circuit?.widen(writer, by: granted, now: now) }
    }

    /// On a long way a window would take seconds to grow, so it begins as large as ``distantRate`` needs it.
    mutating func widenForDistance(_ id: AttemptID, now: NIODeadline) {
        guard let attempt = attempts[id], attempt.circuit != nil, roundTrip(of: attempt) >= Self.longRoundTrip else { return }
        let size = Int(Double(roundTrip(of: attempt).nanoseconds) / 1e9 * Self.distantRate)
        for side in [Attempt.Side.dialer, .called] {
            let granted = windows.take(min(size, limits.largestCircuitWindow) - limits.circuitWindow, attempt.accounts) { quotas.memory(of: $0) }
            guard granted > 0 else { continue }
            attempts[id]?.circuit?.widen(side, by: granted, now: now)
            passCredit(id, to: side, now: now)
        }
    }

    private static let longRoundTrip = TimeAmount.milliseconds(300)
    /// In bytes per second: 16 Mbit/s.
    private static let distantRate = 2_000_000.0

    /// The way between two peers by this server, as far as it is known.
    private func roundTrip(of attempt: Attempt) -> TimeAmount {
        [attempt.dialer, attempt.called].compactMap { $0.flatMap { clients[$0]?.roundTrip } }.reduce(.zero, +)
    }

    /// Gives the writer its credit, as soon as what was relayed is paid for: so a quota slows a circuit down.
    mutating func passCredit(_ id: AttemptID, to side: Attempt.Side, now: NIODeadline) {
        guard let attempt = attempts[id], attempt.circuit?.holds(side) == true,
            let writer = side == .dialer ? attempt.dialer : attempt.called
        else { return }
        let wait = quotas.relay(0, attempt.accounts, now: now)
        guard wait == .zero else { return schedule(.credit(id, side), at: now + wait) }
        var credit = WireCircuitCredit()
        credit.attempt = Data(id.bytes)
        credit.bytes = UInt32(clamping: attempts[id]?.circuit?.unhold(side) ?? 0)
        actions.append(.send(.circuitCredit(credit), to: writer))
    }

    /// One side ends a circuit.
    package mutating func close(_ id: ConnectionID, _ wire: WireCircuitClose, now: NIODeadline) {
        guard let attempt = AttemptID(bytes: wire.attempt), let side = attempts[attempt]?.side(of: id), attempts[attempt]?.circuit != nil else {
            takeStray(id, now: now)
            return
        }
        if side == .called { accepted(attempt, now: now) }
        drop(attempt, at: id)
        if let other = attempts[attempt]?.other(than: side) { actions.append(.endCircuit(attempt, .finished, to: other)) }
        endCircuit(attempt, now: now)
        // Such an attempt was for its circuit alone.
        if attempts[attempt]?.isDirect == false, attempts[attempt]?.state == .pending { remove(attempt, now: now) }
    }

    /// Ends a circuit because `id` broke its rules. Nothing else of that connection is touched.
    package mutating func violate(_ id: ConnectionID, _ attempt: AttemptID, now: NIODeadline) {
        guard let side = attempts[attempt]?.side(of: id), attempts[attempt]?.circuit != nil else {
            takeStray(id, now: now)
            return
        }
        drop(attempt, at: id)
        sendClose(attempt, .violation, to: id)
        if let other = attempts[attempt]?.other(than: side) { actions.append(.endCircuit(attempt, .violation, to: other)) }
        endCircuit(attempt, now: now)
    }

    /// Ends a circuit for which the memory is used up: both sides are told, and a direct path of theirs goes on.
    mutating func exhaust(_ id: AttemptID, now: NIODeadline) {
        guard let attempt = attempts[id], attempt.circuit != nil else { return }
        for side in [attempt.dialer, attempt.called].compactMap({ $0 }) {
            drop(id, at: side)
            sendClose(id, .quota, to: side)
        }
        endCircuit(id, now: now)
    }

    mutating func endCircuit(_ id: AttemptID, now: NIODeadline) {
        guard let attempt = attempts[id], let circuit = attempt.circuit else { return }
        windows.giveBack(circuit.extra, attempt.accounts)
        expectCrossing(circuit.room(of: .dialer), from: attempt.dialer)
        if let called = attempt.called { expectCrossing(circuit.room(of: .called), from: called) }
        attempts[id]?.circuit = nil
        attempts[id]?.forgetFlight()
        _ = payFlight(id)
        circuitCount -= 1
        quotas.release(.circuit, attempt.accounts, now: now)
        // The attempt has outlived its time while the circuit was open.
        if let expiry = attempt.expiry, now >= expiry { schedule(.expiry(id), at: now) }
    }

    mutating func sendClose(_ attempt: AttemptID, _ reason: WireCircuitClose.Reason, to id: ConnectionID) {
        var close = WireCircuitClose()
        close.attempt = Data(attempt.bytes)
        close.reason = reason
        actions.append(.send(.circuitClose(close), to: id))
    }
}
