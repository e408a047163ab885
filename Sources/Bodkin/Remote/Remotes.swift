import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// The remote peers that there is anything with: each has a ``RemoteDriver``, and whatever concerns one of them costs nothing for the others.
///
/// ```swift
/// remotes[peer].handle(.meet(meet, isAccepted: false))
/// remotes.forEachDial { $0.tell(.natLearned) }
/// ```
final class Remotes {
    /// How many dials of others to this peer may be under way at once: a few of each remote peer, whose processes may all have lost their paths at one moment.
    static let calledShare = Share<AttemptID>(ofPeer: 8, ofAll: 256)
    /// How many sessions there may be.
    static let sessionShare = Share<SessionID>(ofPeer: Peer.connectionLimitOfOnePeer, ofAll: Peer.connectionLimit, isEqualFirst: true)

    unowned let engine: PeerEngine
    /// An entry goes when an input of its machine leaves nothing behind.
    private(set) var drivers: [PeerID: RemoteDriver] = [:]
    private var peers: [AttemptID: PeerID] = [:]
    private(set) var sessionCount = 0
    /// The memory for what sessions have received.
    var receiveBudget: ReceiveBudget
    private(set) var calledCount = 0
    /// The paths that carry the CONNECTION_CLOSE of sessions that are over, until they are gone; and who waits for that.
    private var draining: [(path: Path, record: SessionRecord)] = []
    private var allDrained: EventLoopPromise<Void>?

    init(_ engine: PeerEngine) {
        self.engine = engine
        receiveBudget = ReceiveBudget(bytes: engine.configuration.receiveMemory, sessions: Peer.connectionLimit)
    }

    /// What there is with a remote peer.
    subscript(peer: PeerID) -> RemoteDriver {
        if let driver = drivers[peer] { return driver }
        let driver = RemoteDriver(peer, of: engine)
        drivers[peer] = driver
        return driver
    }

    /// Whether there is anything with a remote peer.
    func knows(_ peer: PeerID) -> Bool { drivers[peer].map { !$0.isIdle } ?? false }

    /// Forgets a remote peer with which there is nothing more.
    func prune(_ driver: RemoteDriver) { if driver.isIdle, drivers[driver.peer] === driver { drivers[driver.peer] = nil } }

    // MARK: Dials

    /// Whether there is no dial at all.
    var hasNoDials: Bool { peers.isEmpty }

    /// The dial of that ID.
    func dial(_ id: AttemptID) -> DialDriver? { peers[id].flatMap { drivers[$0]?.dial(id) } }

    /// Whether a dial of that ID is with another remote peer.
    func isDial(_ id: AttemptID, ofOtherThan peer: PeerID) -> Bool { peers[id].map { $0 != peer } ?? false }

    /// Keeps a dial. One of the same ID gives way to it.
    func insert(_ dial: DialDriver) {
        if let former = self.dial(dial.id) { remove(former) }
        self[dial.peer].insert(dial)
        peers[dial.id] = dial.peer
        if dial.role == .called {
            calledCount += 1
            makeRoomForCalls(of: dial.peer)
        }
    }

    /// Ends the dial of somebody else's that has the poorest claim, if there is one too many.
    private func makeRoomForCalls(of peer: PeerID) {
        let ofPeer = drivers[peer]?.dials.count { $0.role == .called } ?? 0
        guard ofPeer > Self.calledShare.ofPeer || calledCount > Self.calledShare.ofAll else { return }
        let claims = drivers.values.flatMap { driver in driver.dials.filter { $0.role == .called }.map(\.claim) }
        if let poorest = Self.calledShare.surplus(of: claims) { dial(poorest)?.end() }
    }

    /// Forgets a dial.
    @discardableResult
    func remove(_ dial: DialDriver) -> Bool {
        guard let driver = drivers[dial.peer], driver.remove(dial) else { return false }
        peers[dial.id] = nil
        if dial.role == .called { calledCount -= 1 }
        return true
    }

    /// Does something for each dial: what concerns the whole peer.
    func forEachDial(_ body: (DialDriver) -> Void) { for driver in Array(drivers.values) { for dial in driver.dials { body(dial) } } }

    // MARK: Sessions

    /// Whether a further session of a remote peer has a better claim than another one.
    func hasRoomForSession(of peer: PeerID) -> Bool {
        guard isFull(with: peer, more: 1) else { return true }
        let newcomer = SessionID.random()
        let wealth = self[peer].isListed ? ClaimWealth.listed : .proved
        let all = claims + [Share.Claim(id: newcomer, peer: peer, wealth: wealth, start: engine.now)]
        return Self.sessionShare.surplus(of: all) != newcomer
    }

    private var claims: [Share<SessionID>.Claim] {
        drivers.values.flatMap { driver in
            let isListed = driver.isListed
            return driver.sessions.values.map { $0.claim(isListed: isListed) }
        }
    }

    private func isFull(with peer: PeerID, more: Int) -> Bool {
        (drivers[peer]?.sessions.count ?? 0) + more > Self.sessionShare.ofPeer || sessionCount + more > Self.sessionShare.ofAll
    }

    func insert(_ record: SessionRecord) {
        receiveBudget.open(record.driver.id, with: record.driver.peer)
        self[record.driver.peer].insert(record)
        sessionCount += 1
        guard isFull(with: record.driver.peer, more: 0), let poorest = Self.sessionShare.surplus(of: claims) else { return }
        records.first { $0.driver.id == poorest }?.driver.fail("the local peer has too many connections")
    }

    func remove(_ record: SessionRecord) {
        guard let driver = drivers[record.driver.peer], driver.remove(record) else { return }
        receiveBudget.close(record.driver.id)
        sessionCount -= 1
    }

    /// The connections that there are.
    var connections: [Connection] { records.map { Connection($0) } }

    /// The sessions that there are.
    var records: [SessionRecord] { drivers.values.flatMap(\.sessions.values) }

    /// Brings what is told of the connections up to date.
    func countConnections() { engine.metrics.carried(by: records.map { $0.driver.activePath.map { Route($0.kind) } }) }

    // MARK: What concerns every remote peer

    func handleAll(_ input: Remote.Input) { for driver in Array(drivers.values) { driver.handle(input) } }

    /// The local addresses of the paths that carry sessions.
    var localAddresses: [IPAddress] { records.compactMap { $0.driver.activePath?.local?.address } }

    /// Only these addresses are this host's any more.
    func leave(addressesOtherThan assigned: Set<IPAddress>) {
        for record in records { record.driver.leave(addressesOtherThan: assigned) }
        probeAll()
    }

    /// Asks every path of every session for a sign of life.
    func probeAll() { for record in records { record.driver.probeAll() } }

    /// How much dials and sessions need the server.
    var serverDemand: ServerDemand {
        var demand = ServerDemand()
        for record in records { record.driver.add(to: &demand) }
        forEachDial { $0.add(to: &demand) }
        return demand
    }

    /// Ends every dial, and so fails every call, because each call waits for a dial.
    func failDials(_ error: any Error) { forEachDial { $0.fail(error) } }

    /// Ends every session.
    func failSessions(_ reason: String) { for record in records { record.driver.fail(reason) } }

    // MARK: CONNECTION_CLOSE

    /// A session is over, and this path carries its CONNECTION_CLOSE.
    func drain(_ path: Path, _ record: SessionRecord) { draining.append((path, record)) }

    /// A path of a session is gone: perhaps the one that carried the CONNECTION_CLOSE of a session.
    func drained(_ path: Path) {
        guard let index = draining.firstIndex(where: { $0.path === path }) else { return }
        draining.remove(at: index)
        if draining.isEmpty { allDrained?.succeed() }
    }

    /// Done when the remote peers have the CONNECTION_CLOSE of the sessions that are over, or after so long. A program that ends before leaves them looking for it.
    func drainPaths(within limit: TimeAmount) -> EventLoopFuture<Void> {
        guard !draining.isEmpty else { return engine.eventLoop.makeSucceededVoidFuture() }
        let promise = engine.eventLoop.makePromise(of: Void.self)
        allDrained = promise
        let deadline = OneShot(on: engine.eventLoop, in: limit) { promise.succeed() }
        promise.futureResult.assumeIsolated().whenComplete { _ in deadline.cancel() }
        return promise.futureResult
    }
}

extension SessionDriver {
    /// Adds how much the session needs the server: it waits for it where it has no path, or one that is doubted.
    fileprivate func add(to demand: inout ServerDemand) {
        let isOnCircuit = activePath?.kind == .circuit
        if isOnCircuit { demand.isPrecious = true }
        if activePath == nil || isOnCircuit && isDoubted { demand.isAwaited = true }
        if activePath == nil || isDoubted { demand.isMissed = true }
    }
}

extension DialDriver {
    /// Adds how much the dial needs the server.
    fileprivate func add(to demand: inout ServerDemand) {
        if role == .dialer, session == nil {
            demand.isPrecious = true
            if isWaiting { demand.isMissed = true }
        }
        if isDialed { demand.isAwaited = true }
    }
}
