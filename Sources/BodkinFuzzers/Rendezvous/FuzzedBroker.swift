import BodkinBroker
import BodkinCore
import BodkinProtocols
import NIOCore

/// A broker with four peers that say whatever comes.
struct FuzzedBroker: ~Copyable {
    /// What a message led to.
    struct Outcome {
        var actions = 0
        var endings = 0
        /// Whether every bound holds and every message can be sent.
        var holds = true
    }

    private var broker: RendezvousBroker
    private let authors: [FuzzedMessages.Author]
    private var connections: [ConnectionID] = []
    private var count: UInt64 = 0
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static let source = IPAddress(v4: 0xC000_0201)

    init(_ authors: [FuzzedMessages.Author]) {
        var limits = BrokerLimits()
        limits.attempts = 64
        limits.circuitWindow = 65_536
        limits.parked = 16
        limits.pendingDials = 3
        broker = RendezvousBroker(limits: limits, quotas: Quotas())
        self.authors = authors
        for index in authors.indices { connections.append(join(index)) }
    }

    private mutating func join(_ index: Int) -> ConnectionID {
        count += 1
        let id = ConnectionID(count)
        _ = broker.join(
            id, peer: authors[index].peer, instance: authors[index].instance, token: 0, source: Self.source, roundTrip: .milliseconds(50), now: now)
        return id
    }

    /// One of the peers says this.
    mutating func take(_ body: WireEnvelope.OneOf_Body, _ random: inout SplitMix64) -> Outcome {
        now = now + .milliseconds(Int64(random.below(200)))
        broker.expire(now: now)
        let index = Int(random.below(UInt64(authors.count)))
        let id = connections[index]
        switch body {
        case .register(let register): self.register(register, index)
        case .dial(let dial): broker.dial(id, dial, now: now)
        case .dialCancel(let cancel): broker.cancel(id, cancel, now: now)
        case .meetAck(let answer): broker.answer(id, answer, now: now)
        case .signal(let signal): broker.signal(id, signal, now: now)
        case .recall(let recall): broker.recall(id, recall, now: now)
        case .dialBack: broker.dialBack(id, now: now)
        case .circuitData(let data): broker.relay(id, data, now: now)
        case .circuitCredit(let credit): broker.credit(id, credit, now: now)
        case .circuitClose(let close): broker.close(id, close, now: now)
        case .ping(let ping): binding(BindingID(ping.number % 8), id, index)
        case .pong: broker.bindingClosed(BindingID(random.below(8)))
        case .hello: leave(index)
        default: break
        }
        return settle()
    }

    private mutating func register(_ wire: WireRegister, _ index: Int) {
        let author = authors[index]
        let registration = try? Registration(
            wire, of: author.peer, instance: author.instance, server: FuzzedMessages.server, wallClock: FuzzedMessages.wallClock, now: now)
        if let registration { broker.register(connections[index], registration, now: now) }
    }

    private mutating func binding(_ binding: BindingID, _ id: ConnectionID, _ index: Int) {
        let name = BindingName(key: authors[index].instance.bytes)
        if broker.claim(of: name) == nil {
            _ = broker.park(binding, name: name, tried: nil, source: Self.source, now: now)
        } else {
            broker.prove(binding, id, endpoint: Self.boundEndpoint, now: now)
        }
    }

    private static var boundEndpoint: Endpoint { Endpoint(source, 4000) }

    private mutating func leave(_ index: Int) {
        broker.leave(connections[index], now: now)
        connections[index] = join(index)
    }

    /// Does what the broker wants done, as a driver does.
    private mutating func settle() -> Outcome {
        var outcome = Outcome()
        while true {
            let actions = broker.takeActions()
            guard !actions.isEmpty else { break }
            outcome.actions += actions.count
            for action in actions {
                switch action {
                case .send(let body, _):
                    var buffer = ByteBuffer()
                    let isWritten = (try? EnvelopeFraming.write(body, to: &buffer)) != nil
                    if !isWritten || buffer.readableBytes > (MessageBound.size(of: body) ?? 0) + 3 { outcome.holds = false }
                case .relay(let data, _, _): if data.count > CircuitQueue.pieceSize { outcome.holds = false }
                case .fail(_, _, let id):
                    outcome.endings += 1
                    if let index = connections.firstIndex(of: id) { leave(index) }
                // The server connects only to authenticated endpoints, whatever anybody says.
                case .dialBack(let targets, _): if targets != [DialBackTarget(Self.boundEndpoint, arrival: nil)] { outcome.holds = false }
                case .endCircuit, .dropCircuit, .settle, .demote: break
                }
            }
        }
        if !broker.isConsistent || broker.clientCount != authors.count { outcome.holds = false }
        return outcome
    }
}
