import BodkinCore
import BodkinProtocols
import BodkinTransport

/// Dials of theirs, and those of both sides at once.
extension Remote {
    /// Whether a session that our dial begins has to wait for their answer, because they dial, too.
    func beginsTentatively(_ context: Context) -> Bool {
        deferredMeet != nil || context.dials.contains { $0.role == .called && $0.session == nil }
    }

    /// Whether a Meet of theirs waits for what becomes of a dial.
    func hasDeferredMeet(for dial: AttemptID) -> Bool { deferredMeet?.dial == dial }

    /// They dial this peer.
    mutating func received(_ meet: WireMeet, isAccepted: Bool, _ context: Context) {
        guard let id = AttemptID(bytes: meet.attempt) else { return }
        guard let instance = InstanceID(bytes: meet.instance) else { return perform(.answerMeet(id, isAccepted: false)) }
        // The same Meet again, over another link: the server has not had our answer to the first one. The circuit of that went with its link.
        let former = context.dial(id)
        if let former, former.role == .called {
            guard former.session == nil else { return perform(.answerMeet(id, isAccepted: true)) }
            perform(.dropCircuit(id))
            perform(.endDial(id))
        }
        guard former?.role != .dialer, context.isAdmitted else { return perform(.answerMeet(id, isAccepted: false)) }
        perform(.answerMeet(id, isAccepted: true))
        // Declined, their dial would fail before ours reaches them; accepted and left alone, it folds into ours.
        if !isAccepted, let own = standing(context) { return deferredMeet = (meet, own) }
        // Two attempts of one dialer would be in each other's way, and it has given the earlier one up.
        if meet.direct {
            for dial in context.dials where dial.role == .called && dial.id != id && dial.instance == instance { perform(.replaceDial(dial.id)) }
        }
        perform(.takeCall(meet))
    }

    /// The dial of ours that stands against one of theirs: that of the lower peer ID does, unless it waits at the server.
    private func standing(_ context: Context) -> AttemptID? {
        guard configuration.localPeer < peer else { return nil }
        return context.openDials.first { !$0.isPending }?.id
    }

    mutating func acceptDeferredMeet(_ context: Context) {
        guard let (meet, _) = deferredMeet else { return }
        deferredMeet = nil
        received(meet, isAccepted: true, context)
    }

    // MARK: Openings

    /// They open a path: for a session that there is, or for one that they begin.
    mutating func opened(_ opening: Opening, _ context: Context) {
        let frame = opening.frame
        if holds(opening, context) { return }
        // A connection that the dialer has opened tells no dial.
        let called = context.dials.filter { $0.role == .called && $0.session == nil && $0.instance == frame.sender }
        let dial = (called.first { $0.id == opening.dial } ?? (opening.isDirect ? called.first : nil))?.id
        let isForUs = frame.receiver == configuration.localInstance
        if let session = context.session(frame.session), isForUs, session.instance == frame.sender {
            return perform(session.pathCount < Self.pathLimit ? .attach(opening, dial) : .close(opening.id))
        }
        // A live session is a grant to go on with it, not to begin another.
        let isAdmitted = context.isAdmitted || context.dials.contains { $0.purpose == .open }
        let isLate = dial == nil && isOvertaken(frame, context)
        guard isForUs, isAdmitted, !isLate, frame.mode != .attach, !context.isOver, context.hasRoomForSession() else {
            return perform(.refuse(opening.id, frame.mode == .attach ? .unknownSession : .refused))
        }
        perform(.beginSession(opening, dial))
    }

    /// Whether a session of our own stands against one that the same instance begins: the opening waits until ours is answered, or over. A tentative one of ours that
    /// gives way is over then.
    private mutating func holds(_ opening: Opening, _ context: Context) -> Bool {
        let frame = opening.frame
        guard frame.mode != .attach, frame.receiver == configuration.localInstance, let own = ownSession(with: frame.sender, context),
            !own.isConfirmed
        else { return false }
        let isOffer = frame.mode == .offer
        if own.isTentative, !isOffer || peer < configuration.localPeer {
            for dial in context.dials(for: own.id) { perform(.withdraw(dial.id)) }
            return false
        }
        guard isOffer else { return false }
        var openings = (sessions[own.id]?.openings ?? []).filter { context.waiting.contains($0) && $0 != opening.id }
        if openings.count < Self.pathLimit { openings.append(opening.id) } else { perform(.close(opening.id)) }
        sessions[own.id]?.openings = openings
        return true
    }

    /// Whether an opening that belongs to no dial of theirs has come late: its sender has answered our session meanwhile, and forgotten its own.
    private func isOvertaken(_ frame: PathOpening, _ context: Context) -> Bool {
        frame.mode == .offer && ownSession(with: frame.sender, context)?.isConfirmed == true
    }

    private func ownSession(with instance: InstanceID, _ context: Context) -> SessionState? {
        context.sessions.first { $0.role == .dialer && $0.instance == instance }
    }

    // MARK: Sessions

    /// The remote peer has begun a session, and every call gets it. A tentative session with another instance is withdrawn, because that instance is gone.
    mutating func theirs(_ id: SessionID, _ context: Context) {
        guard let session = context.session(id) else { return }
        for dial in context.dials where dial.isTentative && dial.instance != session.instance { perform(.withdraw(dial.id)) }
        let folded = context.openDials
        if calls.isEmpty { perform(.deliverIncoming(id)) } else { deliver(id) }
        if !folded.isEmpty { deferredMeet = nil }
        for dial in folded { perform(.endDial(dial.id)) }
    }

    /// They have our session: what they have begun themselves they give up, and so do we.
    mutating func confirmed(_ id: SessionID, _ context: Context) {
        guard let session = context.session(id), session.role == .dialer else { return }
        if session.isOffer { for dial in context.dials(for: id) where dial.isOpen { perform(.confirmDial(dial.id)) } }
        endCalls(beside: session, context)
        for opening in sessions[id]?.openings ?? [] { perform(.close(opening)) }
        sessions[id]?.openings = []
    }

    /// A direct path carries a session: what else was tried for it is over.
    mutating func settled(_ id: SessionID, _ context: Context) {
        for dial in context.dials(for: id) { perform(.settle(dial.id)) }
        if let session = context.session(id) { endCalls(beside: session, context) }
    }

    /// Dials of theirs that have led to nothing are of no use beside a session.
    private mutating func endCalls(beside session: SessionState, _ context: Context) {
        for dial in context.dials where dial.role == .called && dial.session == nil && dial.instance == session.instance {
            perform(.endDial(dial.id))
        }
    }

    /// A session is over. If the remote peer had not answered it, what waited for that goes ahead, and is what the caller of a tentative session has, if there is one.
    mutating func closed(_ id: SessionID, _ reason: String, _ context: Context) {
        let openings = (sessions.removeValue(forKey: id)?.openings ?? []).filter(context.waiting.contains)
        for dial in context.dials(for: id) {
            perform(dial.isTentative ? .loseTentative(dial.id, openings.isEmpty ? reason : nil) : .endDial(dial.id))
        }
        if !openings.isEmpty { perform(.offerAgain(openings)) }
    }
}
