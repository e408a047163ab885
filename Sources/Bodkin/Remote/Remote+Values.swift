import BodkinCore
import BodkinProtocols
import BodkinTransport

extension Remote {
    /// What happens.
    enum Input {
        /// Somebody wants a connection, or not any more.
        case called(CallID)
        case cancelled(CallID)
        /// A first dial begins anew, under another ID.
        case dialReplaced(AttemptID, by: AttemptID)
        /// The dial that the calls wait for leads to nothing.
        case dialFailed(any Error)
        /// A dial is gone, and the session that it was for, if any.
        case dialEnded(AttemptID, for: SessionID?)
        /// A dial of theirs.
        /// - Parameter isAccepted: whether it has waited for a dial of ours, which lets it go ahead.
        case meet(WireMeet, isAccepted: Bool)
        /// Our dial lets theirs go ahead.
        case deferredMeetAccepted
        /// The first frame of a path that they have opened.
        case opening(Opening)
        case session(SessionID, SessionEvent)
        /// The server is about to know this peer, over another link.
        case registrationSent
        /// The server knows this peer again.
        case serverReturned
        /// The addresses of this host have changed.
        case networkChanged
        /// The server sees the reserved port by another mapping.
        case mappingsChanged
        /// This host has slept, or the process was stopped, for so long.
        case woke(after: Duration)
        case timeout
    }

    /// What happens to a session.
    enum SessionEvent {
        /// It exists at this end, since this moment, and on a path of this kind.
        case began(Instant, PathKind)
        /// A dial of ours has led to it.
        case connected
        /// A dial of theirs has led to it.
        case opened
        /// The remote peer has answered it.
        case confirmed
        /// A direct path carries it.
        case settled
        /// Another path carries it.
        case tookOver
        /// The path that carried it is gone.
        /// - Parameter endsProgram: whether the remote program is likely to have ended without a word.
        case pathLost(endsProgram: Bool)
        /// A direct path is gone that did not carry it.
        case directPathLost
        /// Its paths may have changed.
        case pathsChanged
        /// An answer is late.
        case doubtful
        /// The only path is as silent as a dead one.
        case stillSilent
        /// Its dial found no direct path, for a reason that may be over.
        case directPathMissed
        /// The called side asks for another path.
        case recalled(InstanceID, generation: UInt64)
        case closed(reason: String)
    }

    /// A path with its first frame.
    struct Opening {
        var id: InboundPaths.ID
        var frame: PathOpening
        var isDirect: Bool
        /// The dial whose connection it is, if any.
        var dial: AttemptID?
    }

    /// What is to be done.
    enum Action {
        case deliver(SessionID, to: [CallID])
        /// Give a session to the application that accepts.
        case deliverIncoming(SessionID)
        case fail([CallID], any Error)
        case startDial
        case failDial(AttemptID, any Error)
        case endDial(AttemptID)
        /// Another call of the same dialer is in its place.
        case replaceDial(AttemptID)
        /// End the circuit of a dial that the server has begun again over another link.
        case dropCircuit(AttemptID)
        case answerMeet(AttemptID, isAccepted: Bool)
        case takeCall(WireMeet)
        /// Give ``Input/meet(_:isAccepted:)`` in the next turn of the event loop.
        case acceptMeetLater(WireMeet)
        /// End the tentative session of a dial of ours.
        case withdraw(AttemptID)
        /// The remote peer has answered the tentative session of a dial.
        case confirmDial(AttemptID)
        /// The remote peer has not accepted it, for this reason; nil if its own session replaces it.
        case loseTentative(AttemptID, String?)
        /// A direct path carries the dial's session.
        case settle(AttemptID)
        case attach(Opening, AttemptID?)
        case beginSession(Opening, AttemptID?)
        case refuse(InboundPaths.ID, PathCloseReason)
        /// The path is one too many.
        case close(InboundPaths.ID)
        /// Give ``Input/opening(_:)`` of these once more, in the next turn of the event loop.
        case offerAgain([InboundPaths.ID])
        case redial(SessionID, Dial.Aim)
        /// Ask the dialer for another path.
        case recall(SessionID)
        /// The path that carries a session is to be given up as soon as there is another.
        case suspect(SessionID)
        /// The session has been without a path for too long; or the local peer looks for none any more.
        case giveUp(SessionID)
        /// Find out what else has died. `isUrgent`: whether something has happened for certain.
        case suspectNetwork(isUrgent: Bool)
        /// Probe the server, for which a session waits.
        case probeServer
    }

    /// What is known outside at the moment.
    struct Context {
        /// In the order in which they began.
        var dials: [DialState] = []
        var sessions: [SessionState] = []
        /// The openings that still wait.
        var waiting: Set<InboundPaths.ID> = []
        /// Whether they may dial this peer, and whether there is room for another session of theirs.
        var isAdmitted = true
        var hasRoomForSession: () -> Bool = { true }
        /// Whether nothing is dialed any more.
        var isOver = false
        var isRegistrationSent = true
        /// A dial that is younger would not be begun again: what it takes to meet.
        var minimumRedialInterval = Duration.milliseconds(400)
        /// A random factor from 0.5 to 1.5, another one for each input.
        var jitter = 1.0

        func dial(_ id: AttemptID) -> DialState? { dials.first { $0.id == id } }
        func session(_ id: SessionID) -> SessionState? { sessions.first { $0.id == id } }
        /// The dials that are for a session, or have led to it.
        func dials(for session: SessionID) -> [DialState] { dials.filter { $0.session == session } }
        /// Our dials for a connection that there is not yet.
        var openDials: [DialState] { dials.filter { $0.isOpen && $0.session == nil } }
    }

    /// A dial, as far as it concerns others.
    struct DialState {
        var id: AttemptID
        var role = Dial.Role.dialer
        var purpose = Dial.Purpose.open
        var session: SessionID?
        var instance: InstanceID?
        var start = Instant.start
        /// Whether the server has the Dial and has not answered; whether it waits there for the remote peer.
        var isDialed = false
        var isPending = false
        var mayStillConnect = false
        /// Whether its session is one of ours that has no answer yet.
        var isTentative = false

        var isResumption: Bool { if case .resume = purpose { true } else { false } }
        var isUpgrade: Bool { purpose == .resume(.directPath) }
        /// Whether it is ours, for a connection.
        var isOpen: Bool { role == .dialer && purpose == .open }
    }

    /// A session, as far as it concerns others.
    struct SessionState {
        var id: SessionID
        var role = Session.Role.dialer
        var instance: InstanceID
        var start = Instant.start
        var generation: UInt64 = 0
        var activePath: PathKind?
        var pathCount = 1
        var isConfirmed = true
        /// Whether it began tentatively.
        var isOffer = false
        var isDoubted = false
        /// Whether either application has closed it.
        var isClosing = false

        var isTentative: Bool { isOffer && !isConfirmed }
    }
}
