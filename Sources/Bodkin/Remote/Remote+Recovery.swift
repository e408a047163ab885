import BodkinCore
import BodkinProtocols

/// Sessions go on when their paths die: the dialer dials again for the same session, and the called side asks it to.
extension Remote {
    mutating func began(_ id: SessionID, since start: Instant, on kind: PathKind, _ context: Context) {
        guard let session = context.session(id) else { return }
        sessions[id] = Kept(
            start: start,
            recovery: Recovery(
                session.role, kind: kind, lifetime: configuration.pathlessLifetime, allowsDirectPaths: configuration.usesDirectPaths))
    }

    /// The path that carried a session is dead. What killed it may have killed more.
    mutating func pathLost(_ id: SessionID, endsProgram: Bool) {
        if endsProgram { sessions[id]?.recovery.remoteEnded() }
        perform(.suspectNetwork(isUrgent: true))
        perform(.probeServer)
    }

    mutating func pathsChanged(_ id: SessionID, _ context: Context, at now: Instant) {
        guard let session = context.session(id) else { return }
        update(id, at: now) { $0.carried(by: session.activePath, at: $1) }
    }

    /// An answer is late. What else has died is found out, and another path looked for beside the direct one, which goes on if it answers after all: when it is given
    /// up, the other one is there, or nearly.
    mutating func doubted(_ id: SessionID, _ context: Context, at now: Instant) {
        guard let session = context.session(id), let path = session.activePath else { return perform(.suspectNetwork(isUrgent: true)) }
        perform(.suspectNetwork(isUrgent: true))
        guard path.isDirect else { return perform(.probeServer) }
        if session.role == .dialer { perform(.suspect(id)) }
        guard sessions[id]?.doubtedAt.map({ now - $0 > Self.doubtInterval }) ?? true else { return }
        sessions[id]?.doubtedAt = now
        redial(session, .anyPath, context, at: now)
    }

    /// The only path is as silent as a dead one. Another one is looked for until there is one, as if this one were gone.
    mutating func stillSilent(_ id: SessionID, _ context: Context, at now: Instant) {
        guard let session = context.session(id) else { return }
        if session.role == .dialer, session.activePath?.isDirect == true { perform(.suspect(id)) }
        _ = seekPath(for: session, context, at: now)
    }

    mutating func timeout(_ context: Context, at now: Instant) {
        for session in context.sessions {
            guard let own = sessions[session.id], let deadline = own.recovery.deadline, own.start + deadline <= now else { continue }
            if context.isOver {
                perform(.giveUp(session.id))
                continue
            }
            var action: Recovery.Action?
            update(session.id, at: now) { action = $0.act(at: $1) }
            switch action {
            case .giveUp?: perform(.giveUp(session.id))
            case .redial? where seekPath(for: session, context, at: now): break
            case .redial?: update(session.id, at: now) { recovery, _ in recovery.began() }
            case .upgrade?: redial(session, .directPath, context, at: now)
            case nil: break
            }
        }
    }

    /// Looks for another path; false where a dial does so already. What is sent for it may be sent to nobody: so the network is looked at as well.
    private mutating func seekPath(for session: SessionState, _ context: Context, at now: Instant) -> Bool {
        perform(.suspectNetwork(isUrgent: false))
        if isDialing(for: session, context, at: now) { return false }
        redial(session, .anyPath, context, at: now)
        return true
    }

    private mutating func redial(_ session: SessionState, _ aim: Dial.Aim, _ context: Context, at now: Instant) {
        guard session.role == .dialer else { return recall(session, context, at: now) }
        let dials = context.dials(for: session.id)
        let former = dials.filter(\.isResumption)
        for dial in former {
            superseded.insert(dial.id)
            perform(.endDial(dial.id))
        }
        let isEnded = !former.isEmpty && !dials.contains { $0.role == .dialer && !$0.isResumption }
        let jitter = context.jitter
        update(session.id, at: now) {
            if isEnded { $0.ended(at: $1, jitter: jitter) }
            $0.began()
        }
        // While the first dial still meets, it looks for the direct path. A second dial then only gets another circuit.
        let isMeeting = dials.contains { !$0.isResumption && $0.mayStillConnect }
        guard !isMeeting || aim == .anyPath && configuration.usesCircuits else { return }
        perform(.redial(session.id, isMeeting ? .circuit : aim))
    }

    /// One of the dials for a session is over.
    mutating func recoveryEnded(_ id: SessionID, _ context: Context, at now: Instant) {
        guard !context.dials(for: id).contains(where: { $0.role == .dialer }) else { return }
        let jitter = context.jitter
        update(id, at: now) { $0.ended(at: $1, jitter: jitter) }
    }

    mutating func update(_ id: SessionID, at now: Instant, _ change: (inout Recovery, Duration) -> Void) {
        guard var session = sessions[id] else { return }
        change(&session.recovery, now - session.start)
        sessions[id] = session
    }

    /// Whether another path is looked for already, by a dial so young that it would not be begun again. A dial for a direct path alone is none where a circuit would do.
    private func isDialing(for session: SessionState, _ context: Context, at now: Instant) -> Bool {
        let minimumRedialInterval = context.minimumRedialInterval
        return context.dials(for: session.id).contains {
            $0.role == .dialer && now - $0.start < minimumRedialInterval && !($0.isUpgrade && configuration.usesCircuits)
        }
    }

    // MARK: The called side

    /// Asks the dialer for another path. There is no answer but that: it is asked again while there is none.
    private mutating func recall(_ session: SessionState, _ context: Context, at now: Instant) {
        if context.isRegistrationSent { perform(.recall(session.id)) }
        let jitter = context.jitter
        update(session.id, at: now) {
            $0.began()
            $0.ended(at: $1, jitter: jitter)
        }
    }

    /// The dialers of the sessions that wait for a path hear of it a round trip earlier than of the server's answer.
    mutating func recallPathless(_ context: Context) {
        for session in context.sessions where session.role == .called && (session.activePath == nil || session.isDoubted) {
            perform(.recall(session.id))
        }
    }

    /// The called side of one of our sessions has no path that works, or its network has changed.
    mutating func recalled(_ id: SessionID, by instance: InstanceID, _ generation: UInt64, _ context: Context, at now: Instant) {
        guard let session = context.session(id), session.role == .dialer, session.instance == instance,
            session.activePath == nil || session.isDoubted || generation >= session.generation,
            sessions[id]?.recalledAt.map({ now - $0 >= Self.recallInterval }) ?? true
        else { return }
        sessions[id]?.recalledAt = now
        if session.activePath?.isDirect == true { perform(.suspect(id)) }
        if isDialing(for: session, context, at: now) { return }
        if session.activePath?.isRelayed == true { return retryNow(session, context, at: now) }
        redial(session, .anyPath, context, at: now)
    }

    // MARK: What failed before may succeed now

    mutating func retryAll(_ context: Context, at now: Instant) {
        for session in context.sessions { retryNow(session, context, at: now) }
    }

    /// An upgrade that looks for a path by the former network begins again.
    mutating func networkChanged(_ context: Context, at now: Instant) {
        retryAll(context, at: now)
        for dial in context.dials where dial.isUpgrade && !superseded.contains(dial.id) { perform(.endDial(dial.id)) }
    }

    /// Who is meeting hears of the mapping; where nobody is, a circuit may be left for a direct path now.
    mutating func retryUpgrades(_ context: Context, at now: Instant) {
        for session in context.sessions where session.activePath?.isRelayed == true { update(session.id, at: now) { $0.retryNow(at: $1) } }
    }

    private mutating func retryNow(_ session: SessionState, _ context: Context, at now: Instant) {
        update(session.id, at: now) { $0.retryNow(at: $1) }
        // What was sent for it before may have been sent to nobody, and the circuit of a meeting is gone with the link that it ran on.
        let isDialed = context.dials(for: session.id).contains { $0.isDialed }
        if session.isDoubted || session.activePath == nil && !isDialed { redial(session, .anyPath, context, at: now) }
    }
}
