import BodkinBroker
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import FoundationEssentials
import NIOCore

/// A broker with peers and a clock, and not one socket.
struct BrokerFixture: ~Copyable {
    struct Peer {
        let connection: ConnectionID
        let identity: Identity
        let instance: InstanceID
        let stunKey: [UInt8]
        var id: PeerID { identity.peerID }
        var stunName: BindingName { BindingName(key: stunKey) }
    }

    var broker: RendezvousBroker
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private var count: UInt64 = 0
    static let source = IPAddress(v4: 0xC000_0201)
    static let wallClock: UInt64 = 1_800_000_000_000
    static let server = [UInt8](repeating: 7, count: 32)

    init(limits: BrokerLimits = BrokerFixture.limits, quotas: Quotas = Quotas()) { broker = RendezvousBroker(limits: limits, quotas: quotas) }

    /// The defaults, but that all peers here have one address, and may dial one peer.
    static var limits: BrokerLimits {
        var limits = BrokerLimits()
        limits.dialsToOnePeerPerSecond = 1e6
        return limits
    }

    /// Connects a peer that has said hello.
    mutating func join(
        _ identity: Identity? = nil, instance: InstanceID = .random(), roundTrip: TimeAmount = .zero, stunKey: [UInt8]? = nil
    ) throws -> Peer {
        count += 1
        let peer = try Peer(
            connection: ConnectionID(count), identity: identity ?? .create(), instance: instance,
            stunKey: stunKey ?? (0..<20).map { _ in UInt8.random(in: .min ... .max) })
        _ = broker.join(
            peer.connection, peer: peer.id, instance: instance, token: 0, source: Self.source, roundTrip: roundTrip, now: now)
        return peer
    }

    static func wire(
        _ peer: Peer, sequence: UInt64 = 1, expiry: UInt64 = wallClock + 3_600_000, admission: WirePolicy.Admission = .anyone,
        allowing peers: [PeerID] = [], binding: UInt32 = 0
    ) throws -> WireRegister {
        var register = WireRegister()
        register.card = try Card(peer: peer.id, instance: peer.instance, sequence: sequence, server: server, expiry: expiry, candidates: [])
            .signed(by: peer.identity.privateKey)
        register.policy.admission = admission
        register.policy.peers = peers.map { Data($0.publicKey) }
        register.stunKey = Data(peer.stunKey)
        register.expectedBindings = binding
        return register
    }

    mutating func register(
        _ peer: Peer, sequence: UInt64 = 1, expiry: UInt64 = wallClock + 3_600_000, admission: WirePolicy.Admission = .anyone,
        allowing peers: [PeerID] = [], binding: UInt32 = 0
    ) throws {
        let wire = try Self.wire(peer, sequence: sequence, expiry: expiry, admission: admission, allowing: peers, binding: binding)
        let registration = try Registration(
            wire, of: peer.id, instance: peer.instance, server: Self.server, wallClock: Self.wallClock, now: now)
        broker.register(peer.connection, registration, now: now)
    }

    /// A peer that is registered, with what that caused out of the way.
    mutating func resident(
        _ identity: Identity? = nil, admission: WirePolicy.Admission = .anyone, allowing peers: [PeerID] = [], roundTrip: TimeAmount = .zero
    ) throws -> Peer {
        let peer = try join(identity, roundTrip: roundTrip)
        try register(peer, admission: admission, allowing: peers)
        _ = broker.takeActions()
        return peer
    }

    /// Why a peer cannot be met, which a dialer must not learn.
    enum Absence: CaseIterable { case unknown, nobody, listsOthers, expired, gone }

    /// A peer that cannot be met, with what that caused out of the way. The dialer stays registered.
    mutating func absent(_ absence: Absence, for dialer: Peer) throws -> PeerID {
        defer { _ = broker.takeActions() }
        switch absence {
        case .unknown: return try Identity.create().peerID
        case .nobody: return try resident(admission: .nobody).id
        case .listsOthers: return try resident(admission: .listed, allowing: [Identity.create().peerID]).id
        case .expired:
            let target = try resident().id
            now = now + .hours(1)
            try register(dialer, sequence: 2, expiry: BrokerFixture.wallClock + 7_200_000)
            return target
        case .gone:
            let peer = try resident()
            _ = leave(peer)
            return peer.id
        }
    }

    mutating func dial(
        _ from: Peer, _ to: PeerID, _ attempt: AttemptID = .random(), early: String = "", direct: Bool = true, instance: InstanceID? = nil,
        patience: UInt32 = 0
    ) -> [BrokerAction] {
        var dial = WireDial()
        dial.to = Data(to.publicKey)
        dial.attempt = Data(attempt.bytes)
        dial.early = Data(early.utf8)
        dial.direct = direct
        dial.patienceMs = patience
        if let instance { dial.instance = Data(instance.bytes) }
        broker.dial(from.connection, dial, now: now)
        return broker.takeActions()
    }

    mutating func cancel(_ from: Peer, _ attempt: AttemptID) -> [BrokerAction] {
        var cancel = WireDialCancel()
        cancel.attempt = Data(attempt.bytes)
        broker.cancel(from.connection, cancel, now: now)
        return broker.takeActions()
    }

    mutating func answer(_ from: Peer, _ attempt: AttemptID, _ answer: WireMeetAck.Answer = .accepted) -> [BrokerAction] {
        var ack = WireMeetAck()
        ack.attempt = Data(attempt.bytes)
        ack.answer = answer
        broker.answer(from.connection, ack, now: now)
        return broker.takeActions()
    }

    mutating func data(_ from: Peer, _ attempt: AttemptID, _ count: Int) -> [BrokerAction] {
        var data = WireCircuitData()
        data.attempt = Data(attempt.bytes)
        data.data = Data(repeating: 1, count: count)
        broker.relay(from.connection, data, now: now)
        return broker.takeActions()
    }

    mutating func credit(_ from: Peer, _ attempt: AttemptID, _ count: Int) -> [BrokerAction] {
        var credit = WireCircuitCredit()
        credit.attempt = Data(attempt.bytes)
        credit.bytes = UInt32(count)
        broker.credit(from.connection, credit, now: now)
        return broker.takeActions()
    }

    mutating func pass(_ time: TimeAmount) -> [BrokerAction] {
        now = now + time
        broker.expire(now: now)
        return broker.takeActions()
    }

    mutating func leave(_ peer: Peer) -> [BrokerAction] {
        broker.leave(peer.connection, now: now)
        return broker.takeActions()
    }
}

/// What actions say.
extension [BrokerAction] {
    func meet(to peer: BrokerFixture.Peer) -> WireMeet? {
        lazy.compactMap { action -> WireMeet? in if case .send(.meet(let meet), peer.connection) = action { meet } else { nil } }.first
    }

    func pendingDial(of peer: BrokerFixture.Peer) -> AttemptID? {
        lazy.compactMap { if case .send(.dialPending(let pending), peer.connection) = $0 { AttemptID(bytes: pending.attempt) } else { nil } }.first
    }

    func failedDial(of peer: BrokerFixture.Peer) -> WireDialFailed.Reason? {
        lazy.compactMap { if case .send(.dialFailed(let failed), peer.connection) = $0 { failed.reason } else { nil } }.first
    }

    func failure(of peer: BrokerFixture.Peer) -> WireFailure.Code? {
        lazy.compactMap { if case .fail(let code, _, peer.connection) = $0 { code } else { nil } }.first
    }

    func closedCircuit(of peer: BrokerFixture.Peer) -> WireCircuitClose.Reason? {
        lazy.compactMap {
            switch $0 {
            case .send(.circuitClose(let close), peer.connection): close.reason
            case .endCircuit(_, let reason, peer.connection): reason
            default: nil
            }
        }.first
    }

    func credited(to peer: BrokerFixture.Peer) -> Int {
        reduce(0) { if case .send(.circuitCredit(let credit), peer.connection) = $1 { $0 + Int(credit.bytes) } else { $0 } }
    }

    func relayed(to peer: BrokerFixture.Peer) -> Int {
        reduce(0) { if case .relay(let data, _, peer.connection) = $1 { $0 + data.count } else { $0 } }
    }
}

extension BrokerFixture {
    mutating func signal(_ from: Peer, _ attempt: AttemptID) -> [BrokerAction] {
        var signal = WireSignal()
        signal.attempt = Data(attempt.bytes)
        signal.card.card = Data([1])
        signal.card.signature = Data(count: Card.signatureSize)
        broker.signal(from.connection, signal, now: now)
        return broker.takeActions()
    }

    mutating func close(_ from: Peer, _ attempt: AttemptID) -> [BrokerAction] {
        var close = WireCircuitClose()
        close.attempt = Data(attempt.bytes)
        broker.close(from.connection, close, now: now)
        return broker.takeActions()
    }
}

extension BrokerFixture {
    mutating func park(
        _ binding: UInt64, _ name: BindingName = BindingName(key: InstanceID.random().bytes), tried: RendezvousBroker.Claim? = nil,
        from source: IPAddress = BrokerFixture.source
    ) -> Bool {
        broker.park(BindingID(binding), name: name, tried: tried, source: source, now: now)
    }
}
