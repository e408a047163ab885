package import BodkinCore
import BodkinProtocols
import HeapModule
package import NIOCore

/// The rendezvous server without sockets, clocks and threads: who is registered, who dials whom, what a circuit may carry.
///
/// Every function takes the time, changes the state and appends to what ``takeActions()`` yields. The driver performs the actions in their order
/// and calls ``expire(now:)`` when ``nextDeadline`` has come.
package struct RendezvousBroker: ~Copyable {
    struct Client {
        let peer: PeerID
        let instance: InstanceID
        let accounts: [Account]
        var roundTrip: TimeAmount
        var registration: Registration?
        /// Which registration came when.
        var order: UInt64 = 0
        /// When it said anything last.
        var heard = NIODeadline.distantPast
        /// Until when a dial waits for the dialer's STUN connections.
        var bindingDeadline = NIODeadline.distantPast
        /// The authenticated STUN connections, in the order of their authentication.
        var bindings: [(id: BindingID, endpoint: Endpoint)] = []
        /// At which of the server's addresses they arrived, for those of which that is known.
        var arrivals: [BindingID: IPAddress] = [:]
        var attempts: Set<AttemptID> = []
        /// The dials that wait for STUN connections.
        var waiting: Set<AttemptID> = []
        /// What its messages may cost.
        var messages: TokenBucket
        /// The bytes of circuits that wait for it, and what else it has the server keep.
        var queued: [AttemptID: Queued] = [:]
        var held = 0
        /// How many Recalls it may send.
        var recalls: TokenBucket
        /// How many dial-backs it may ask for.
        var dialBacks: TokenBucket
        /// How often it may ask for relays.
        var relayQueries: TokenBucket
        /// How many of its messages may be about circuits that do not exist.
        var strays: TokenBucket
        /// How many bytes may still be on their way for circuits that have ended.
        var crossing = 0
    }

    /// An instance belongs to its peer: another peer that says the same is another instance.
    struct InstanceKey: Hashable {
        let peer: PeerID
        let instance: InstanceID
    }

    /// Who asks for something of whom.
    struct Pair: Hashable, Sendable {
        let from: Account
        let to: PeerID
    }

    struct Parked {
        let name: BindingName
        let source: Account
        let deadline: NIODeadline
    }

    let limits: BrokerLimits
    var quotas: QuotaTable
    var clients: [ConnectionID: Client] = [:]
    var peers: [PeerID: [ConnectionID]] = [:]
    var instances: [InstanceKey: ConnectionID] = [:]
    /// The registrations by the user name of their STUN credential.
    var names: [BindingName: ConnectionID] = [:]
    var attempts: [AttemptID: Attempt] = [:]
    /// The dials that wait, by the peer that they wait for.
    var pending: [PeerID: Set<AttemptID>] = [:]
    var pendingCount = 0
    /// The dials whose peer has come, and which are still to be met, by that peer.
    var dueMeets: [PeerID: ArraySlice<AttemptID>] = [:]
    /// The peers for which a timer for that is set.
    var dueMeetTimers: Set<PeerID> = []
    var bindingOwners: [BindingID: ConnectionID] = [:]
    var parked: [BindingID: Parked] = [:]
    var parkedByName: [BindingName: [BindingID]] = [:]
    var parkedBySource: [Account: Int] = [:]
    /// Tokens that are good no more, and peers that are refused.
    var revokedTokens: Set<Int> = []
    var refusedPeers: Set<PeerID> = []
    /// Dials from one account to one peer, and Recalls to a peer that does not admit their sender.
    var pairDials: RateTable<Pair>
    var pairRecalls = RateTable<Pair>(rate: 0.2, burst: 4)
    var timers = Heap<BrokerTimer>()
    /// When the number of timers exceeds this, the broker removes the moot ones.
    var timerLimit = Self.leastTimerLimit
    var actions: [BrokerAction] = []
    var registrationCount: UInt64 = 0
    var relayedBytes: UInt64 = 0
    var dials: UInt64 = 0
    var circuitCount = 0
    /// What the windows of circuits have grown by.
    var windows: WindowBudget
    private var isSweeping = false

    /// A broker for a server's life.
    package init(limits: BrokerLimits, quotas: Quotas) {
        self.limits = limits
        pairDials = RateTable(rate: limits.dialsToOnePeerPerSecond, burst: 8 * limits.dialsToOnePeerPerSecond)
        self.quotas = QuotaTable(quotas, bufferLimit: limits.bufferedBytes)
        windows = WindowBudget(memory: limits.bufferedBytes)
    }

    /// What is to be done, and forgets it.
    package mutating func takeActions() -> [BrokerAction] {
        guard !actions.isEmpty else { return [] }
        defer { actions = [] }
        return actions
    }

    /// When ``expire(now:)`` has something to do.
    package var nextDeadline: NIODeadline? { timers.min?.deadline }

    /// What the health endpoint shows.
    package var statistics: ServerStatistics {
        ServerStatistics(
            registered: instances.count, circuits: circuitCount, relayedBytes: relayedBytes, dials: dials)
    }

    /// Does what is due.
    package mutating func expire(now: NIODeadline) {
        while let timer = timers.min, timer.deadline <= now {
            timers.removeMin()
            switch timer.purpose {
            case .bindings(let attempt): meet(attempt, now: now)
            case .answer(let attempt): giveUpOnAnswer(attempt, now: now)
            case .patience(let attempt): endPatience(attempt, now: now)
            case .expiry(let attempt): expireAttempt(attempt, now: now)
            case .credit(let attempt, let side): passCredit(attempt, to: side, now: now)
            case .dueMeets(let peer):
                dueMeetTimers.remove(peer)
                meetDue(peer, now: now)
            case .parked(let binding): if let parked = parked[binding], parked.deadline <= now { actions.append(.settle(binding)) }
            case .sweep:
                quotas.forgetIdle(now: now)
                isSweeping = quotas.count > 0
                if isSweeping { schedule(.sweep, at: now + .minutes(1)) }
            }
        }
    }

    // MARK: Connections

    /// A peer has said a good hello with the join token of number `token`; false where the connections of the token or of the source are used up.
    package mutating func join(
        _ id: ConnectionID, peer: PeerID, instance: InstanceID, token: Int, source: IPAddress, roundTrip: TimeAmount, now: NIODeadline
    ) -> Bool {
        if !isSweeping {
            isSweeping = true
            schedule(.sweep, at: now + .minutes(1))
        }
        let accounts = [.token(token)] + Account.all(of: source)
        guard clients[id] == nil, !isRevoked(.token(token)), !refusedPeers.contains(peer), quotas.take(.connection, accounts, now: now) else {
            return false
        }
        clients[id] = Client(
            peer: peer, instance: instance, accounts: accounts, roundTrip: roundTrip,
            messages: TokenBucket(rate: limits.messagesPerSecond, burst: 2 * limits.messagesPerSecond, now: now), recalls: Self.recalls(now),
            dialBacks: Self.dialBacks(now), relayQueries: Self.relayQueries(now), strays: Self.strays(now))
        return true
    }

    /// The peer has said something.
    package mutating func heard(_ id: ConnectionID, now: NIODeadline) { clients[id]?.heard = now }

    /// The newest measurement of a connection's round trip.
    package mutating func measured(_ id: ConnectionID, roundTrip: TimeAmount) { clients[id]?.roundTrip = roundTrip }

    /// A connection has ended, or is about to.
    package mutating func leave(_ id: ConnectionID, now: NIODeadline) {
        guard let client = clients[id] else { return }
        // Before the attempts, which would otherwise meet it again.
        unregister(id, now: now)
        for attempt in client.attempts { abandon(attempt, by: id, now: now) }
        if let client = clients.removeValue(forKey: id) { releaseMemory(of: client) }
        quotas.release(.connection, client.accounts, now: now)
    }

    mutating func fail(_ id: ConnectionID, _ code: WireFailure.Code, _ message: String) { actions.append(.fail(code, message, id)) }
}

/// The figures of a server.
public struct ServerStatistics: Hashable, Sendable {
    /// Registered instances.
    public let registered: Int
    /// Circuits that are open.
    public let circuits: Int
    /// Bytes relayed since the start, both directions together.
    public let relayedBytes: UInt64
    /// Dials since the start.
    public let dials: UInt64
}
