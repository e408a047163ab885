import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinTransport

/// One way of getting a path: a pure machine below a dial, which knows no other one.
///
/// It is told what happens (``PathStrategyEvent``), changes its entries of the dial's report, and queues what its driver is to do (``PathStrategyAction``).
/// ``PathStrategies`` lists the strategies of a dial.
protocol PathStrategy {
    /// What its paths run over.
    var kind: PathKind { get }
    /// What its connections are for in the budget of half-open connections; nil where it opens none.
    var roomUse: HalfOpenBudget.Use? { get }
    mutating func handle(_ event: PathStrategyEvent, in context: DialContext, report: inout ConnectionReport, at now: Instant)
    mutating func nextAction() -> PathStrategyAction?
    /// When to call ``handle(_:in:report:at:)`` with a timeout; nil where nothing is waited for.
    var deadline: Instant? { get }
    /// Whether it tries nothing more by itself.
    var isExhausted: Bool { get }
    /// Why no direct path comes of it, where it knows that for certain.
    var verdict: RelayVerdict? { get }
    /// Tries nothing more: what has no answer by now will have none.
    mutating func finish(in context: DialContext, report: inout ConnectionReport, at now: Instant)
    /// Closes what is half-open, without a verdict.
    mutating func close()
}

/// What a strategy may know of its dial.
struct DialContext {
    /// When the dial began: the report counts from there.
    var start: Instant
    /// Whether this peer has dialed.
    var isDialer: Bool
    /// Whether the remote peer has proved itself end to end, so that it is granted more than one SYN for each instant.
    var isRemoteAuthenticated: Bool
    /// Whether a connection of the dial is up, and has not come to nothing yet.
    var isConnecting: Bool
    /// Whether the session has been given a direct path.
    var hasDirectPath = false
    /// Whether the direct path of a session is only doubted, and the circuit has not proved the remote peer. The path may answer yet.
    var isDirectPathDoubted = false
    /// Whether ports may be predicted: the two sides meet, both look for direct paths, and circuits are allowed.
    var allowsPrediction = false
    var serverRoundTrip = Duration.zero
    /// The time of a message by the circuit, one way; zero if it is not known.
    var timeByCircuit = Duration.zero
    /// Whether the server knows TURN relays, and relayed paths are allowed.
    var hasRelays = false
    /// Whether a relay carries the session.
    var isOnRelay = false
    /// Where the server sees the remote peer.
    var remoteAddresses: [IPAddress] = []
    /// The endpoint of all connections of the remote peer, if its card names one that the server has seen.
    var keptRemoteEndpoint: Endpoint?
    /// A random number, another one for each event.
    var seed: UInt64 = 0
    /// Gives what is known of the local NAT at the moment.
    var localNAT: () -> LocalNAT = { LocalNAT() }

    /// What is known of the local NAT.
    struct LocalNAT {
        /// The reserved port as the server sees it.
        var observed: Endpoint?
        /// Whether a remote peer sees the reserved port as the server does; nil if that is not known.
        var keepsEndpoint: Bool?
        /// Whether the allocator has been sampled.
        var isAllocatorKnown = false
        /// Whether one address of the server alone says that the port is kept.
        var isMappingDoubtful = false
        /// The ports of the subscriber's block that were seen, and how many of the block may still be taken.
        var blockRange: ClosedRange<UInt16>?
        var blockPortsLeft = 0
        /// How the ports of the next connections come about.
        var ports: (NATModel.Round) -> PortForecast.Ports = { _ in .unknown }
    }
}

/// Names one SYN of a strategy: which of its targets, and the how manieth there. An answer to an earlier one does no more.
struct ShotID: Hashable {
    let target: Int
    let turn: Int
}

/// The local end of a SYN.
enum ShotSource: Equatable {
    /// The port that the dial connects from, by one interface.
    case dialPort(interface: String?)
    /// The peer's reserved port.
    case reservedPort
    /// Another port; 0 for any.
    case port(UInt16)
}

/// Why a connection was not established.
enum ShotFailure: Equatable {
    /// An RST, or the ICMP error of a closed port.
    case refused
    /// Another ICMP error, or no route.
    case unreachable
    /// The system has repeated the SYN for long enough.
    case silent
    /// The system has such a connection already (EADDRNOTAVAIL).
    case occupied
    /// The process has no descriptor left.
    case noDescriptor
    /// The gate has let no SYN out.
    case withheld(OutboundGate.Refusal)
    case other(String)
}

/// Why an established connection came to nothing.
enum PathLoss: Equatable {
    /// The session has another direct path.
    case superseded
    /// The remote host has closed it.
    case closedByRemote
    /// Another host answered.
    case impostor
    /// It was of the session, and failed before the session had moved to it.
    case beforeTakeover(String)
    case other(String)
}

/// What happens to a strategy.
enum PathStrategyEvent {
    /// Both sides are to fire at `start`, and again after each interval.
    case met(start: Instant, interval: Duration)
    /// An endpoint that may be connected to, by one interface. The report has an entry for it.
    case target(Endpoint, interface: String?, entry: Int)
    /// The first card of the remote peer was read, or more is known of the local NAT.
    case natLearned
    /// There is room for so many half-open connections, or there will be none for so many.
    case granted(Int)
    case denied(Int)
    case connected(ShotID)
    case failed(ShotID, ShotFailure)
    /// How far a connection is that was asked about.
    case inspected(ShotID, ConnectingState)
    /// A connection was established, and not a byte has come on it.
    case unheard(ShotID)
    /// An established connection has proved the remote peer, and the session has it.
    case secured(ShotID)
    /// It proved the remote peer, and the session has no need of it.
    case superseded(ShotID)
    /// A connection that was established is gone.
    case lost(ShotID, PathLoss)
    /// A connection carries the session, and is direct.
    case settled(ShotID)
    /// The session's direct path is gone: what was superseded may be tried again.
    case directPathLost
    /// The remote peer has proved itself.
    case remoteAuthenticated
    /// The port that the dial connects from is another one now, of which the remote peer should know within the limit.
    case portReplaced(limit: Duration)
    /// The remote peer has been told of it.
    case portAnnounced
    /// The Meet has stayed silent, perhaps for so long that the remote peer has nothing to try.
    case meetStayedSilent(isLong: Bool)
    /// What the remote peer's next connections look like. The server has seen that peer at this address.
    case remoteForecast(PortForecast, round: Int)
    /// The allocator's sample for a round: the last external port, and the next local one; nil if there was no answer.
    case sampled(round: Int, (external: UInt16, nextLocal: UInt16)?)
    /// No direct path is looked for, or nobody can be fired at.
    case directPathsAbandoned
    /// The server has named its TURN relays, which have these addresses.
    case relays(Set<IPAddress>)
    /// A relay listens for the remote peer at this endpoint.
    case allocated(Endpoint)
    /// The relay has answered for every address that was to be permitted.
    case permitted
    /// No relay does what it is asked, or the one that did is gone.
    case relaysFailed(String)
    /// The remote peer has this relayed endpoint; nil where it has none.
    case remoteRelayed(Endpoint?)
    /// The next turn of the event loop.
    case turn
    case timeout
}

/// What a strategy wants done.
enum PathStrategyAction: Equatable {
    /// Room for so many more half-open connections: ``PathStrategyEvent/granted`` is the answer.
    case requestRoom(Int)
    case withdrawRequest
    /// So much granted room is not needed.
    case returnRoom(Int)
    /// So many new ports of the local NAT are about to be taken.
    case takePorts(Int)
    case connect(ShotID, Endpoint, from: ShotSource)
    /// Close a connection that is not established.
    case close(ShotID)
    /// Close every connection of the strategy that is not established.
    case closeAll
    /// Forget a half-open connection with an RST that reaches nobody.
    case discard(ShotID)
    /// Find out how far a connection is.
    case inspect(ShotID)
    /// Give up an established connection on which nothing has come.
    case discardUnlessHeard(ShotID)
    /// Find out whether our NATs still know our bindings.
    case verifyBindings
    /// Forget inbound connections from there that have said nothing; where there are none, fire from another port.
    case clear(Endpoint, isPressing: Bool)
    /// Fire from another port: something is held against this one.
    case replacePort
    /// Nothing has answered for so long that our NAT may map each address by another port.
    case foundSilence(isLong: Bool)
    /// Sample the local NAT's allocator.
    case sample(round: Int)
    /// Send the remote peer the forecast of our ports.
    case sendForecast(PortForecast, round: Int)
    /// A path came up because a new remote address is given another port than the server's.
    case foundAddressDependence
    /// Give ``PathStrategyEvent/turn`` in the next turn of the event loop: in between, bytes flow.
    case awaitTurn
    /// Ask the server for its TURN relays.
    case queryRelays
    /// Ask every relay for an endpoint of this family, or of the remote peer's, and take the first.
    case allocate(towards: IPAddress.Family?)
    /// Let these addresses connect to the relayed endpoint.
    case permit([IPAddress])
    /// Tell the remote peer of the relayed endpoint; nil where there is none.
    case sendRelayed(Endpoint?)
    /// Connect to the relayed endpoint of the remote peer, or have the relay do so.
    case connectToRelayed(ShotID, Endpoint)
    case connectByRelay(ShotID, Endpoint)
    /// Give the allocation back, unless a path runs by it.
    case releaseRelays
    /// An entry of the report has its verdict.
    case judged(entry: Int)
}

extension ShotFailure {
    /// What the report says of it.
    var words: String {
        switch self {
        case .refused: "RST"
        case .unreachable: "ICMP, or no route"
        case .silent: "no answer"
        case .occupied: "there is such a connection"
        case .noDescriptor: "no file descriptor was free"
        case .withheld(let refusal): "not sent, because of \(refusal.rawValue)"
        case .other(let text): text
        }
    }
}

extension PathLoss {
    /// What the report says of it.
    var detail: String {
        switch self {
        case .superseded: ""
        case .closedByRemote: "closed by the remote peer"
        case .impostor: "another host answered"
        case .beforeTakeover(let reason): "lost before the connection had moved to it" + (reason.isEmpty ? "" : ": \(reason)")
        case .other(let reason): reason
        }
    }
}
