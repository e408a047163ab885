import BodkinCore
import BodkinPrediction

/// The rounds of a dial in which both sides tell each other which external ports they will have, and fire at those (tiers 2 and 3).
///
/// ```
///            Meet, and our ports are not kept             remote authenticated      the remote forecast
///  waiting ─────────────────────────────────▶ sampling ──▶ ready ──────────────▶ told ──────────────────▶ firing
///     │ the remote forecast                      ▲                                                          │ nothing came of it
///     └──────── our port is known: told at once  └───────────────────── the next round ─────────────────────┘
/// ```
/// Nothing is sent to the remote peer's NAT before that peer has proved itself end to end.
struct PredictedPunch: ~Copyable {
    /// The most rounds: a second one if strangers have taken the port that was aimed at, or a search has missed.
    static let roundLimit = 2
    /// How long a thousand guesses take, which are to be out before anything comes against them.
    static let burstDuration = Duration.milliseconds(60)
    /// How many SYNs of a search are fired in one turn of the event loop: a millisecond's worth.
    static let batchSize = 32
    /// After what time a connection that was up when something was due is looked at again.
    static let recheckInterval = Duration.milliseconds(500)
    /// How long three samplings take if answers are lost, and a mapping that is made anew.
    static let longestSampling = Duration.seconds(8)

    /// What the dial, the NAT model and the circuit say at the moment.
    struct Context {
        /// When the dial began: the report counts from there.
        var start: Instant
        var isDialer: Bool
        var isRemoteAuthenticated: Bool
        var isConnecting: Bool
        /// Whether the two sides meet, both look for direct paths, and circuits are allowed.
        var isWanted: Bool
        var hasDirectPath: Bool
        var serverRoundTrip: Duration
        /// The time of a message by the circuit, one way; zero if it is not known.
        var timeByCircuit: Duration
        /// The endpoint of all connections of the remote peer, if its card names one that the server has seen.
        var keptRemoteEndpoint: Endpoint?
        /// The reserved port as the server sees it.
        var observed: Endpoint?
        /// Whether a remote peer sees the reserved port as the server does; nil if that is not known.
        var keepsEndpoint: Bool?
        /// Whether the allocator has been sampled.
        var isAllocatorKnown: Bool
        /// Whether one address of the server alone says that the port is kept.
        var isMappingDoubtful: Bool
        /// The ports of the subscriber's block that were seen, and how many of the block may still be taken.
        var blockRange: ClosedRange<UInt16>?
        var blockPortsLeft: Int
        /// How the ports of the next connections come about.
        var ports: (NATModel.Round) -> PortForecast.Ports
    }

    /// What happens.
    enum Event {
        /// The two sides meet, or more is known of our NAT.
        case begin
        /// The Meet has stayed silent, perhaps for so long that the remote peer has nothing to try.
        case meetStayedSilent(isLong: Bool)
        /// The allocator's sample for a round: the last external port, and the next local one; nil if there was no answer.
        case sampled(round: Int, (external: UInt16, nextLocal: UInt16)?)
        case remoteAuthenticated
        /// What the remote peer's next connections look like. The server has seen that peer at this address.
        case remoteForecast(PortForecast, round: Int)
        /// There is room for so many half-open connections, or there will be none for so many.
        case granted(Int)
        case denied(Int)
        /// The next turn of the event loop.
        case turn
        /// The system has no descriptor left for a connection.
        case withoutDescriptor
        case timeout
    }

    /// What is to be done.
    enum Action: Equatable {
        case sample(round: Int)
        case tell(PortForecast, round: Int)
        /// So many new ports of the NAT are about to be taken.
        case takePorts(Int)
        case requestRoom(Int)
        case withdrawRequest
        case returnRoom(Int)
        /// Connect from a local port: nil is the reserved one, 0 any.
        case connect(from: UInt16?, to: Endpoint)
        /// Give ``Event/turn`` in the next turn of the event loop: in between, bytes flow.
        case awaitTurn
        /// Close what is half-open.
        case closeAll
        case judged(entry: Int)
        /// Nothing more comes of it.
        case exhausted
    }

    enum Wait {
        case tell
        case fire(PunchRound.Action)
        case judge
    }

    var round = 0
    var own: PortForecast?
    var remote: PortForecast?
    /// The local port from which a burst goes on, if a sequential allocator was sampled.
    var nextLocal: UInt16?
    var hasSentForecast = false
    /// Whether a round waits until the server sees our mapping, and the allocator has been sampled.
    var isPostponed = false
    var followsSilence = false
    var followsLongSilence = false
    /// SYNs that are still to be fired: from which local port, to where.
    var waiting: ArraySlice<(UInt16?, Endpoint)> = []
    var room = 0
    var turnSize = 0
    var isAwaitingTurn = false
    var firingStart = Instant.start
    /// How many SYNs of the round were not fired, for want of room or of a descriptor.
    var unfired = 0
    var withoutDescriptor = 0
    var wait: (until: Instant, what: Wait)?
    var remoteForecastTimeout: Instant?
    var assumedArrival: Instant?
    /// The entry of the report for the latest round.
    private(set) var entry: Int?
    /// Whether something may still come of it.
    var isActive = false
    var isLast = false
    /// Whether both sides' ports are drawn from too many.
    var isHopeless = false
    private var actions: [Action] = []

    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }
    mutating func perform(_ action: Action) { actions.append(action) }

    var deadline: Instant? { [wait?.until, remoteForecastTimeout, assumedArrival].compactMap { $0 }.min() }

    /// Whether a path that has come up shows that a new remote address is given another port.
    func showsAddressDependence(_ context: Context) -> Bool { own.map { $0.ports != .kept } == true && context.isMappingDoubtful }

    mutating func handle(
        _ event: Event, in context: Context, report: inout ConnectionReport, at now: Instant, using random: inout some RandomNumberGenerator
    ) {
        switch event {
        case .begin:
            guard context.isWanted else { return }
            if isPostponed { return prepare(round, context, at: now, using: &random) }
            if round == 0, context.keepsEndpoint == false { prepare(1, context, at: now, using: &random) }
        case .meetStayedSilent(let isLong):
            guard context.isWanted, round == 0, context.isMappingDoubtful else { return }
            (followsSilence, followsLongSilence) = (true, isLong)
            if context.ports(forecastRound(1, context)) != .kept { prepare(1, context, at: now, using: &random) }
        case .sampled(let number, let sample): sampled(number, sample, context, at: now, using: &random)
        case .remoteAuthenticated: tellIfReady(context, at: now, using: &random)
        case .remoteForecast(let forecast, let number): received(forecast, number, context, at: now, using: &random)
        case .granted(let count): granted(count, &report, at: now, context)
        case .denied(let count):
            guard !waiting.isEmpty else { return }
            unfired += min(count, waiting.count)
            waiting = waiting.dropLast(count)
            if waiting.isEmpty { awaitAnswers(context, at: now) }
        case .turn:
            isAwaitingTurn = false
            fireBatch(&report, context, at: now)
        case .withoutDescriptor: withoutDescriptor += 1
        case .timeout: timeout(context, &report, at: now, using: &random)
        }
    }

    /// The dial is over.
    mutating func end() {
        (isActive, isPostponed) = (false, false)
        round = Self.roundLimit + 1
        close()
    }

    /// Nothing more comes of it.
    mutating func finish() {
        end()
        perform(.exhausted)
    }

    /// Closes what is half-open, and waits for nothing.
    mutating func close() {
        (wait, remoteForecastTimeout, assumedArrival) = (nil, nil, nil)
        waiting = []
        perform(.withdrawRequest)
        // Nothing was opened for what there is room for.
        if room > 0 { perform(.returnRoom(room)) }
        room = 0
        perform(.closeAll)
    }

    /// A round begins to fire: the report has an entry for it.
    mutating func open(_ entry: ConnectionReport.Attempt, in report: inout ConnectionReport) {
        report.attempts.append(entry)
        self.entry = report.attempts.count - 1
    }
}
