import BodkinBroker
import BodkinCore
import BodkinProtocols
import FoundationEssentials
import NIOCore

/// A broker with a connection of each instance, which says whatever comes, and with the drivers' part of a server: what waits, what is written, what it costs.
///
/// A connection that the broker ends is followed by another one of the same peer; the broker keeps what it knows.
struct FuzzedBroker: ~Copyable {
    /// What a message led to.
    struct Outcome {
        var actions = 0
        var endings = 0
        /// Whether every bound holds and every message can be sent.
        var holds = true
    }

    /// One connection, as far as its driver knows it.
    private struct Connection {
        var id: ConnectionID
        var queue = CircuitQueue()
        /// What the reader of a circuit may give credit for.
        var earned: [AttemptID: Int] = [:]
    }

    private var broker: RendezvousBroker
    private let authors: [FuzzedMessages.Author]
    private var connections: [Connection] = []
    /// The connections that have met by an attempt: most of what is said about it comes from one of them.
    private var members: [AttemptID: Set<Int>] = [:]
    private var count: UInt64 = 0
    /// The tokens under which peers join now: those before may be revoked.
    private var firstToken = 0
    private static let tokenCount = 3
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static let sources = [IPAddress(v4: 0xC000_0201), IPAddress(v4: 0xC000_0202), IPAddress(v6High: 0x2001_0DB8_0001_0000, low: 1)]
    private static let memberLimit = 64

    init(_ authors: [FuzzedMessages.Author]) {
        var limits = BrokerLimits()
        limits.attempts = 64
        limits.circuitWindow = 65_536
        limits.parked = 16
        limits.pendingDials = 3
        broker = RendezvousBroker(limits: limits, quotas: Quotas())
        self.authors = authors
        for index in authors.indices { connections.append(Connection(id: join(index))) }
    }

    private mutating func join(_ index: Int) -> ConnectionID {
        for isAgain in [false, true] {
            count += 1
            let id = ConnectionID(count)
            if broker.join(
                id, peer: authors[index].peer, instance: authors[index].instance, token: firstToken + index % Self.tokenCount,
                source: Self.sources[index % Self.sources.count],
                roundTrip: .milliseconds(50), now: now)
            {
                return id
            }
            // A peer that is refused is let in again, so that its connections go on.
            if !isAgain { broker.restrict(revoking: [], refusing: []) }
        }
        return ConnectionID(count)
    }

    /// One of the peers says this: mostly one that it concerns.
    mutating func take(_ body: WireEnvelope.OneOf_Body, _ random: inout SplitMix64) -> Outcome {
        now = now + .milliseconds(Int64(random.below(random.chance(500) ? 400_000 : 200)))
        broker.expire(now: now)
        let index = speaker(of: body, &random)
        let id = connections[index].id
        _ = broker.charge(id, MessagePrice.of(body), now: now)
        broker.measured(id, roundTrip: .milliseconds(Int64(random.below(300))))
        var outcome = Outcome()
        if random.chance(20), !broker.hold(id, Int(random.below(100_000))) { leave(index) }
        if random.chance(4_000) { restrict(index, &random) }
        switch body {
        case .register(let register): self.register(register, index)
        case .dial(let dial):
            broker.dial(id, dial, now: now)
            if let attempt = AttemptID(bytes: dial.attempt) { join(attempt, index) }
        case .dialCancel(let cancel): broker.cancel(id, cancel, now: now)
        case .meetAck(let answer): broker.answer(id, answer, now: now)
        case .signal(let signal): broker.signal(id, signal, now: now)
        case .recall(let recall): broker.recall(id, recall, now: now)
        case .dialBack: broker.dialBack(id, now: now)
        case .relayQuery: broker.queryRelays(id, now: now)
        case .circuitData(let data): broker.relay(id, data, now: now)
        case .circuitCredit(let credit): self.credit(credit, index, &random)
        case .circuitClose(let close): broker.close(id, close, now: now)
        case .ping(let ping): binding(BindingID(ping.number % 8), id, index)
        case .pong: broker.bindingClosed(BindingID(random.below(8)))
        case .hello: if random.chance(2) { leave(index) }
        default: break
        }
        settle(&outcome, &random)
        if random.chance(3) { drain(Int(random.below(UInt64(connections.count)))) }
        if !broker.isConsistent || broker.clientCount != connections.count || broker.statistics.circuits < 0 { outcome.holds = false }
        return outcome
    }

    private func speaker(of body: WireEnvelope.OneOf_Body, _ random: inout SplitMix64) -> Int {
        let any = Int(random.below(UInt64(connections.count)))
        guard let name = body.attempt, let attempt = AttemptID(bytes: name), let known = members[attempt], !random.chance(8) else { return any }
        let sorted = known.sorted()
        return sorted.isEmpty ? any : sorted[Int(random.below(UInt64(sorted.count)))]
    }

    private mutating func join(_ attempt: AttemptID, _ index: Int) {
        if members.count >= Self.memberLimit { members = [:] }
        members[attempt, default: []].insert(index)
    }

    private mutating func register(_ wire: WireRegister, _ index: Int) {
        let registration = try? Registration(
            wire, of: authors[index].peer, instance: authors[index].instance, server: FuzzedMessages.server, wallClock: FuzzedMessages.wallClock,
            now: now)
        if let registration { broker.register(connections[index].id, registration, now: now) }
    }

    /// Credit for what was written, as readers give it, or for anything.
    private mutating func credit(_ wire: WireCircuitCredit, _ index: Int, _ random: inout SplitMix64) {
        guard let attempt = AttemptID(bytes: wire.attempt) else { return }
        var credit = wire
        if !random.chance(8) { credit.bytes = UInt32(clamping: connections[index].earned.removeValue(forKey: attempt) ?? 0) }
        let isEarned = connections[index].queue.credit(Int(credit.bytes), of: attempt)
        if isEarned { broker.credit(connections[index].id, credit, now: now) } else { broker.violate(connections[index].id, attempt, now: now) }
    }

    private mutating func binding(_ binding: BindingID, _ id: ConnectionID, _ index: Int) {
        let name = BindingName(key: authors[index].stunKey)
        if broker.claim(of: name) == nil {
            _ = broker.park(binding, name: name, tried: nil, source: Self.sources[index % Self.sources.count], now: now)
        } else {
            broker.prove(binding, id, endpoint: Self.boundEndpoint, now: now)
        }
    }

    private static var boundEndpoint: Endpoint { Endpoint(sources[0], 4000) }

    /// The operator revokes a token, or refuses a peer.
    private mutating func restrict(_ index: Int, _ random: inout SplitMix64) {
        let token = firstToken + Int(random.below(UInt64(Self.tokenCount)))
        firstToken += Self.tokenCount
        broker.restrict(revoking: [token], refusing: random.chance(2) ? [authors[index].peer] : [])
    }

    private mutating func leave(_ index: Int) {
        broker.leave(connections[index].id, now: now)
        for attempt in members.keys { members[attempt]?.remove(index) }
        connections[index] = Connection(id: join(index))
    }

    /// A connection's socket takes what waits for it.
    private mutating func drain(_ index: Int) {
        var written: [AttemptID: Int] = [:]
        while let piece = connections[index].queue.next() {
            guard case .data(let attempt, let data) = piece else { continue }
            written[attempt, default: 0] += data.count
            connections[index].earned[attempt, default: 0] += data.count
        }
        if connections[index].earned.count > Self.memberLimit { connections[index].earned = [:] }
        broker.written(connections[index].id, written)
    }

    /// Does what the broker wants done, as a driver does.
    private mutating func settle(_ outcome: inout Outcome, _ random: inout SplitMix64) {
        while true {
            let actions = broker.takeActions()
            guard !actions.isEmpty else { return }
            outcome.actions += actions.count
            for action in actions { perform(action, &outcome, &random) }
        }
    }

    private mutating func perform(_ action: BrokerAction, _ outcome: inout Outcome, _ random: inout SplitMix64) {
        switch action {
        case .send(let body, let id):
            var buffer = ByteBuffer()
            let isWritten = (try? EnvelopeFraming.write(body, to: &buffer)) != nil
            if !isWritten || buffer.readableBytes > (MessageBound.size(of: body) ?? 0) + 3 { outcome.holds = false }
            if case .meet(let meet) = body, let attempt = AttemptID(bytes: meet.attempt), let index = index(of: id) { join(attempt, index) }
            // Too much waits there.
            if random.chance(50) { broker.undelivered(body, to: id, now: now) }
        case .relay(let data, let attempt, let id):
            if data.count > CircuitQueue.pieceSize { outcome.holds = false }
            if let index = index(of: id) { connections[index].queue.append(data, of: attempt) }
        case .endCircuit(let attempt, let reason, let id): if let index = index(of: id) { connections[index].queue.end(attempt, reason) }
        case .dropCircuit(let attempt, let id): if let index = index(of: id) { connections[index].queue.drop(attempt) }
        case .fail(_, _, let id):
            outcome.endings += 1
            if let index = index(of: id) { leave(index) }
        // The server connects only to authenticated endpoints, whatever anybody says.
        case .dialBack(let targets, _): if targets != [DialBackTarget(Self.boundEndpoint, arrival: nil)] { outcome.holds = false }
        case .settle, .demote, .giveRelays: break
        }
    }

    private func index(of id: ConnectionID) -> Int? { connections.firstIndex { $0.id == id } }
}

extension WireEnvelope.OneOf_Body {
    /// The attempt that a message to a server names.
    fileprivate var attempt: Data? {
        switch self {
        case .dialCancel(let cancel): cancel.attempt
        case .meetAck(let answer): answer.attempt
        case .signal(let signal): signal.attempt
        case .circuitData(let data): data.attempt
        case .circuitCredit(let credit): credit.attempt
        case .circuitClose(let close): close.attempt
        default: nil
        }
    }
}
