import BodkinCore
import BodkinTransport

/// One way of getting a path: a pure machine below a dial, which knows no other one.
///
/// It is told what happens (``PathStrategyEvent``), changes the report of the dial, and queues what its driver is to do (``PathStrategyAction``).
protocol PathStrategy: ~Copyable {
    mutating func handle(_ event: PathStrategyEvent, in context: DialContext, report: inout ConnectionReport, at now: Instant)
    mutating func nextAction() -> PathStrategyAction?
    /// When to call ``handle(_:in:report:at:)`` with a timeout; nil where nothing is waited for.
    var deadline: Instant? { get }
    /// Whether it tries nothing more by itself.
    var isExhausted: Bool { get }
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
}

/// Names one SYN of a strategy: which of its targets, and the how manieth there. An answer to an earlier one does no more.
struct ShotID: Hashable {
    let target: Int
    let turn: Int
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
    case other(String)
}

/// What happens to a strategy.
enum PathStrategyEvent {
    /// Both sides are to fire at `start`, and again after each interval.
    case met(start: Instant, interval: Duration)
    /// An endpoint that may be connected to, by one interface. The report has an entry for it.
    case target(Endpoint, interface: String?, entry: Int)
    /// There is room for one more half-open connection.
    case granted
    case connected(ShotID)
    case failed(ShotID, ShotFailure)
    /// How far a connection is that was asked about.
    case inspected(ShotID, ConnectingState)
    /// A connection was established, and not a byte has come on it.
    case unheard(ShotID)
    /// A connection that was established is gone, or of no use.
    case lost(ShotID)
    /// The remote peer has proved itself.
    case remoteAuthenticated
    /// The port that it fires from is another one now, of which the remote peer should know within the limit.
    case portReplaced(limit: Duration)
    /// The remote peer has been told of it.
    case portAnnounced
    case timeout
}

/// What a strategy wants done.
enum PathStrategyAction: Equatable {
    /// Room for one more half-open connection: ``PathStrategyEvent/granted`` is the answer.
    case requestRoom
    /// A granted room is not needed.
    case returnRoom
    /// Connect from the dial's port.
    case connect(ShotID, Endpoint, interface: String?)
    /// Close a connection that is not established.
    case close(ShotID)
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
    /// An entry of the report has its verdict.
    case judged(entry: Int)
}
