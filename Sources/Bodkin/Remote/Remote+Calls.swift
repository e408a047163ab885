import BodkinCore
import BodkinProtocols

/// Those who wait for a connection. One dial serves them all.
extension Remote {
    mutating func called(_ call: CallID, _ context: Context) {
        if let session = sessionToJoin(context) { return perform(.deliver(session, to: [call])) }
        calls.append(call)
        if !context.dials.contains(where: \.isOpen) { perform(.startDial) }
    }

    /// The session that a further call joins: none that is closing; one with a direct path before one on a circuit, and that before one without a path; of two alike the later one.
    private func sessionToJoin(_ context: Context) -> SessionID? {
        func rank(_ session: SessionState) -> Int { session.activePath.map { $0.isDirect ? 2 : 1 } ?? 0 }
        return context.sessions.filter { !$0.isTentative && !$0.isClosing }.max { (rank($0), $0.start) < (rank($1), $1.start) }?.id
    }

    /// One of those who wait gives up: so does the dial with the last one.
    mutating func cancelled(_ call: CallID, _ context: Context) {
        guard let index = calls.firstIndex(of: call) else { return }
        calls.remove(at: index)
        perform(.fail([call], CancellationError()))
        // The remote peer may have taken a tentative session for its own dial.
        guard calls.isEmpty else { return }
        for dial in context.openDials { perform(.failDial(dial.id, CancellationError())) }
    }

    /// A dial of ours has its connection.
    mutating func connected(_ session: SessionID, _ context: Context) {
        deferredMeet = nil
        // The remote peer has dialed as well. If no caller is left, the application gets an incoming connection.
        if calls.isEmpty, context.session(session)?.isOffer == true { perform(.deliverIncoming(session)) } else { deliver(session) }
    }

    mutating func deliver(_ session: SessionID) {
        if !calls.isEmpty { perform(.deliver(session, to: calls)) }
        calls = []
    }

    mutating func fail(_ error: any Error) {
        if !calls.isEmpty { perform(.fail(calls, error)) }
        calls = []
    }

    mutating func dialEnded(_ dial: AttemptID, for session: SessionID?, _ context: Context, at now: Instant) {
        if !context.dials.contains(where: \.isOpen) { fail(PeerError(.closed, "The dial was given up. Dial again.")) }
        if let (meet, own) = deferredMeet, own == dial {
            deferredMeet = nil
            perform(.acceptMeetLater(meet))
        }
        if superseded.remove(dial) == nil, let session { recoveryEnded(session, context, at: now) }
    }
}
