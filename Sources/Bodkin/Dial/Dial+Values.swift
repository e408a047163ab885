import BodkinCore
import BodkinPrediction
import BodkinProtocols

extension Dial {
    /// What happens.
    enum Input {
        /// The dial begins, or goes out again over the next link.
        case begin(isFirst: Bool)
        /// The server knows the peer: the Dial may follow.
        case registrationSent
        /// The circuit's handshake has begun.
        case circuitOpened
        /// The server says that the dial waits: the remote peer is not there, does not admit this one, or has not answered the Meet.
        case pending
        case refused(WireDialFailed.Reason)
        /// The server says: meet now.
        case met(Meet)
        /// What the server sees of the remote peer has changed: what was forbidden may be allowed now.
        case observed([Endpoint])
        /// Further candidates of the remote peer.
        case card(Result<Card, Card.Refusal>)
        /// The link to the server is gone.
        case serverLost(message: String)
        /// The remote peer's link to the server is gone.
        case remoteLost
        /// The handshake of a path has proved the remote peer.
        case secured(PathRef, PathKind, remote: Endpoint?)
        /// The session that was asked for has begun, on its first path.
        case sessionBegan
        /// The called end: the dialer has begun a session on this path, or goes on with one that there is.
        case opened(PathRef?, isResumed: Bool)
        /// The session's paths have changed, or the remote peer has answered it.
        case sessionChanged
        /// The callers have their connection.
        case answered
        /// The session's direct path is gone.
        case directPathLost
        /// The circuit is gone before the session had it.
        case circuitLost(PathLoss)
        /// What was said by ``Action/reportMissedCircuit``.
        case circuitMissed
        /// A direct path carries the session; the report's entry of that path has its verdict.
        case settled(remote: Endpoint?)
        /// The remote peer did not accept the tentative session; nil where its own is to be had instead.
        case tentativeSessionFailed(String?)
        /// No strategy tries anything more.
        case strategiesExhausted
        /// What was asked for by ``Action/finishStrategies(thenConclude:)``.
        case strategiesFinished
        /// Another dial of the same dialer is in its place.
        case replaced
        /// The remote peer's forecast of no round: its answer, or its question.
        case forecast(WireForecast)
        /// More is known of the local NAT, or its allocator is sampled no more.
        case samplingChanged
        case ended
        case timeout
    }

    /// What is to be done.
    enum Action {
        case emit(PeerEvent.Kind)
        /// Begin the circuit's handshake.
        case openCircuit
        /// The circuit's handshake can be answered from then on.
        case expectCircuit(from: Instant)
        case sendDial(instance: InstanceID?, isDirect: Bool, patience: Duration)
        case sendCancel
        /// Both dial each other: take the other one's dial up, and say so if this one was refused.
        case acceptDeferredMeet(WireDialFailed.Reason?)
        /// Keep a dial of the same ID that waits at the server, in the place of this one.
        case waitAgain
        /// End this dial, and begin it anew for the same callers.
        case dialAnew
        /// Tell every strategy.
        case tell(PathStrategyEvent)
        /// Tell the strategy that a path is of.
        case deliver(PathStrategyEvent, to: ShotKey)
        case finishStrategies(thenConclude: Bool)
        /// Finish the strategies of direct paths, and tell the others.
        case abandonDirectPaths
        /// The remote peer may have an older card than this one.
        case announceCard
        case close(PathRef)
        /// Wait for the dialer's first frame.
        case awaitOpening(PathRef)
        case beginSession(PathRef, InstanceID)
        case addPath(PathRef, PathKind)
        /// Give ``Input/circuitMissed`` in the next turn of the event loop.
        case reportMissedCircuit
        /// A direct path should be looked for again soon.
        case expectDirectPath
        /// Say that the connection is relayed, and why.
        case reportRelayed(RelayVerdict)
        /// The report is complete.
        case complete
        case fail(PeerError.Code, String)
        case requestForecast
        case sampleAgain
        case answerForecast
        /// The answer to the forecast query; nil where there is none.
        case deliverForecast(WireForecast?)
        /// Give back whatever is the dial's.
        case release
    }

    /// Names a path of the dial.
    enum PathRef: Hashable {
        case circuit
        /// One that a strategy has opened.
        case shot(ShotKey)
        /// One that the remote peer has opened; the report has this entry for it.
        case accepted(entry: Int)
    }

    /// What is known outside at the moment.
    struct Context {
        var session: Session?
        /// Whether the circuit has not ended, and whether the session has it.
        var isCircuitOpen = false
        var isCircuitTaken = false
        /// Whether a connection of a strategy is up.
        var isConnecting = false
        /// Whether the remote peer is authenticated.
        var isRemoteAuthenticated = false
        var areStrategiesExhausted = false
        /// Why no direct path comes of the strategies, where one knows.
        var verdict: RelayVerdict?
        /// Whether the server knows the peer, and the whole of its candidates.
        var isRegistrationSent = false
        var isCardAcknowledged = true
        /// Whether the server sees the port that the dial connects from.
        var isPortMapped = false
        /// Whether the server sees any binding of the reserved port.
        var isSeen = false
        /// Whether a Meet of the remote peer's dial waits for what becomes of this one, and whether there is a dial of it.
        var hasDeferredMeet = false
        var isCalled = false
        var isSampling = false
        /// Whether there is a reserved port, so that direct paths may be looked for.
        var hasPort = true
        var serverRoundTrip = Duration.zero
        /// Gives the local network; nil before there is a port to connect from.
        var network: () -> LocalNetwork? = { nil }
    }

    /// What the dial may know of its session.
    struct Session {
        var activePath: PathKind?
        /// Whether the remote peer has said that nothing arrives there.
        var isSuspect = false
        /// Whether it is an offer that has no answer yet.
        var isTentative = false
    }

    /// The local network, as far as it decides what may be connected to.
    struct LocalNetwork {
        var ownObserved: [Endpoint] = []
        var ownAddresses: [IPAddress] = []
        var ownPort: UInt16 = 0
        var onLink: [IPPrefix] = []
        var gateways: [IPAddress] = []
        /// The address families that the port and the host have.
        var families: Set<IPAddress.Family> = []
        /// The interfaces by which to connect to an address; nil for the one that the system's routes name.
        var interfaces: (IPAddress) -> [String?] = { _ in [nil] }
    }
}
