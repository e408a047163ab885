import BodkinCore
import BodkinProtocols
import BodkinTransport

/// A peer's half of the rendezvous: its registration, its link to the server, and everything that the link needs to stay good. It has no socket and no clock.
///
/// ```
///  idle ──start──▶ connecting ──linkUp──▶ linked: awaitingBindings ──hello, register──▶ registering ──Registered──▶ registered
///    │               ▲   ▲  │                └──────────────┬──────────────────────────────┴──────────────────────────┘
///    │               │   │  └─────linkDown──────┐           │ linkDown, or the server falls silent
///    │ no address    │   │                      ▼           ▼
///    │               │   └──────────── waiting, with exponential back-off
///    │      resolved │                          │ no address
///    └───────────▶ resolving ◀──────────────────┘
/// ```
/// A link that falls silent stays until another one is up beside it, because its answer may only be late: behind a full queue both ways are as slow, and the answer
/// that was asked for first comes first.
///
/// A refusal leads from anywhere to `over`, and so does another server's key before the first registration: no time mends that. Everything else is waited out. The
/// names are resolved again at every reconnection, beside it, and now and then while the link is up. The driver performs the actions in their order, and reports
/// what becomes of them as inputs.
struct RendezvousClient: ~Copyable {
    /// An event that the driver reports.
    enum Input {
        /// The peer begins.
        case start
        /// The server has proved itself, by the key of this hash. TCP and TLS took so long; nil: since the connecting began.
        case linkUp(serverKeyHash: [UInt8]?, handshake: Duration? = nil)
        /// The link has ended, or never came up. `jitter` is a random number from 0 to 1.
        case linkDown(TransportError, jitter: Double)
        /// The link that is to replace a silent one is up: the server has proved itself there.
        case replacementUp(serverKeyHash: [UInt8]?, handshake: Duration? = nil)
        /// That link has failed.
        case replacementDown(TransportError, jitter: Double)
        /// The server has sent one of the messages that are for this machine.
        case message(WireEnvelope.OneOf_Body)
        /// The server has sent something else.
        case heard
        /// The contents of the card, or the NAT bindings, may have changed.
        case localChanged(LocalDescription)
        /// Dials and sessions need the server more, or less, than before.
        case demandChanged(ServerDemand)
        /// The server is to have a fresh card.
        case register
        /// A path is in doubt: what killed it may have killed the link.
        case probe
        /// From now on somebody waits for what only the server can bring.
        case awaitServer
        /// The server is to connect to the reserved port.
        case dialBack
        /// The network has changed, or the machine has slept.
        case networkChanged(NetworkChange)
        /// The resolver has answered: the driver has the addresses.
        case resolved(Resolution)
        /// The deadline has come. `jitter` is a random number from 0 to 1.
        case timeout(jitter: Double)
        /// The system has seen no packet of the link for so long: to be given before a timeout, and before what becomes of another link.
        case packetSilence(Duration)
        /// The local peer's event loop was held up for so long: to be given before a timeout.
        case heldUp(Duration)
    }

    /// A thing that the driver is to do.
    enum Action {
        /// Look the server's names up again.
        case resolve
        /// Connect to the server by every route.
        case connect
        /// Connect to the server by every route, beside a link that has fallen silent.
        case replace
        /// The link beside has taken the place of the silent one.
        case promoteReplacement
        /// The silent link has answered: end the one beside it.
        case abandonReplacement
        /// End the link, or the attempt to connect. A link that carries nothing any more is discarded, without waiting for the server.
        case disconnect(isDiscarded: Bool)
        /// Send a message; what is sent by actions in a row leaves together.
        case send(WireEnvelope.OneOf_Body)
        /// The registration is out: NAT bindings prove whose they are, and dials that wait go out with it.
        case registrationSent(isFirstOnLink: Bool)
        /// The server has told what circuits carry on this link before credit is given.
        case openCircuits(window: Int)
        /// The server has taken a card.
        case registered(isFirstOnLink: Bool)
        /// The link is gone, and with it whatever ran on it; the machine connects again. `isNews`: the server has taken a card since the loss before.
        case linkLost(message: String, isNews: Bool)
        /// An attempt to connect has failed; the machine tries again.
        case connectFailed(message: String)
        /// There is no server to be used, for this reason: said once for each kind of reason.
        case awaitingServer(message: String)
        /// The server's answer to a DialBack; nil if there is none.
        case dialedBack(WireDialedBack?)
        /// Nothing more will come of it.
        case fail(any Error)
    }

    enum State {
        case idle
        /// The next attempt comes after a random part, `jitter`, of the back-off.
        case waiting(since: Instant, jitter: Double)
        case resolving(until: Instant)
        case connecting(since: Instant)
        case linked(Link)
        case over
    }

    let configuration: Configuration
    var state = State.idle
    var clock: ServerClock
    var local = LocalDescription()
    var demand = ServerDemand()
    /// The number of the latest card.
    var sequence: UInt64 = 0
    /// How far the server is, from what TCP and TLS took: at most a second.
    var roundTrip = Duration.milliseconds(100)
    /// Whether that was measured on the present network.
    var isRoundTripKnown = false
    /// Whether the server has ever taken a card.
    var hasRegistered = false
    /// Why there is no server that takes cards; nil while there is one, and before the first attempt has failed.
    var absence: Absence?
    /// How often in a row the link was lost without having been good for a while.
    var retryCount = 0
    /// How often the server has called a card expired since it last took one.
    var expiryCount = 0
    /// Whether any address of the server is known.
    var isLocated: Bool
    /// Whether the resolver is at work, and when it was asked last.
    var isResolving = false
    var resolvedAt: Instant?
    /// How often in a row the names did not lead to the link's address.
    var missCount = 0
    /// When to look at the link next while somebody waits for the server, and after what pause.
    var waitingProbe: (due: Instant, pause: Duration)?
    private var actions: [Action] = []

    /// A machine that has not begun.
    /// - Parameter localTime: milliseconds since 1970 by the peer's own clock, at `now`.
    init(_ configuration: Configuration, localTime: UInt64, at now: Instant) {
        self.configuration = configuration
        isLocated = configuration.isLocated
        clock = ServerClock(localTime: localTime, at: now)
    }

    /// Takes what has happened, changes the state, and queues actions.
    mutating func handle(_ input: Input, at now: Instant) {
        if case .over = state { return }
        switch input {
        case .start: if case .idle = state { reconnect(at: now) }
        case .linkUp(let hash, let handshake): linkCameUp(serverKeyHash: hash, handshake, at: now)
        case .linkDown(let error, let jitter): linkEnded(error, jitter: jitter, at: now)
        case .replacementUp(let hash, let handshake): replacementCameUp(serverKeyHash: hash, handshake, at: now)
        case .replacementDown(_, let jitter): replacementEnded(jitter: jitter, at: now)
        case .message(let body): received(body, at: now)
        case .heard: link?.liveness.heard(at: now)
        case .packetSilence(let silence): link?.liveness.lastPacket(before: silence, at: now)
        case .heldUp(let time): link?.liveness.heldUp(time, at: now)
        case .localChanged(let local):
            self.local = local
            registerIfReady(at: now)
        case .demandChanged(let demand): self.demand = demand
        case .register: register(at: now)
        case .probe: probe(within: suspicionLimit, at: now)
        case .awaitServer: waitingProbe = (now + firstPause, firstPause)
        case .dialBack: requestDialBack(at: now)
        case .networkChanged(let change): networkChanged(change, at: now)
        case .resolved(let resolution): resolved(resolution, jitter: 1, at: now)
        case .timeout(let jitter): expire(jitter: jitter, at: now)
        }
    }

    /// The next thing to do; nil where everything is done.
    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    mutating func perform(_ action: Action) { actions.append(action) }

    /// When ``handle(_:at:)`` is to be given `.timeout`.
    var deadline: Instant? {
        switch state {
        case .idle, .over: nil
        case .connecting(let since): absence == nil && configuration.isPatient ? since + Self.longestSilence : nil
        case .waiting(let since, let jitter): since + backoff * jitter
        case .resolving(let end): end
        case .linked(let link): linkDeadline(link)
        }
    }

    private mutating func expire(jitter: Double, at now: Instant) {
        guard let deadline, deadline <= now else { return }
        switch state {
        case .idle, .over: break
        case .connecting: notice(configuration.unanswered)
        case .waiting: reconnect(at: now)
        case .resolving: loseServer(nil, jitter: jitter, at: now)
        case .linked: expireLink(jitter: jitter, at: now)
        }
    }

    /// Ends everything: `error` is why.
    mutating func fail(_ error: any Error) {
        endDialBack(nil)
        state = .over
        perform(.fail(error))
    }
}
