import Bodkin
import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import FoundationEssentials
import NIOCore
import NIOEmbedded
import SwiftProtobuf

/// What an honest server, and honest remote peers, answer: most of the time, so that dials and sessions come to something.
extension FuzzedPeer {
    /// The peer says something to its server.
    func heard(_ body: WireEnvelope.OneOf_Body) {
        let isSilent = messages.random.chance(30)
        switch body {
        case .hello:
            counts.links += 1
            let stun = network.host("server").addresses.map { Endpoint($0, server.url.stunPort) }
            if !isSilent { say(.welcome(messages.welcome(at: stun))) }
        case .register(let register):
            counts.registrations += 1
            stunKey = Array(register.stunKey)
            if let card = try? Card(register.card, of: peer.id, server: keys.serverHash, now: 0) { messages.sequence = card.sequence }
            if !isSilent { say(.registered(.with { $0.sequence = messages.sequence })) }
        case .ping(let ping): if !isSilent { say(.pong(ping)) }
        case .dial(let dial): if !isSilent { answer(dial) }
        case .meetAck(let answer):
            if answer.answer == .accepted { counts.accepted += 1 }
        case .signal(let signal): if !isSilent { answer(signal) }
        case .relayQuery: if !isSilent { say(.relays(messages.relays())) }
        case .circuitData(let data): circuit(data.attempt)?.receive(ByteBuffer(bytes: data.data))
        case .circuitCredit(let credit): circuit(credit.attempt)?.grant(Int(credit.bytes))
        case .circuitClose(let close): circuit(close.attempt)?.endByPeer()
        default: break
        }
        server.flush()
    }

    private func circuit(_ attempt: Data) -> CircuitChannel? { AttemptID(bytes: attempt).flatMap { circuits[$0] } }

    /// The peer dials: it meets the one that it dials, is told to wait, or is refused.
    private func answer(_ dial: WireDial) {
        guard let attempt = AttemptID(bytes: dial.attempt) else { return }
        counts.dials += 1
        messages.remember(attempt)
        if messages.random.chance(6) { say(.dialPending(.with { $0.attempt = dial.attempt })) }
        if messages.random.chance(10) { return say(.dialFailed(.with { $0.attempt = dial.attempt })) }
        let author = keys.authors.firstIndex { $0.peer == PeerID(publicKey: dial.to) } ?? 0
        say(.meet(messages.meet(dial.attempt, author: author, isDialer: true)), mayChange: true)
        guard !dial.early.isEmpty else { return }
        let channel = makeCircuit(attempt) { _ in false }
        do {
            let path = try keys.authors[author].factory.server(channel, kind: .circuit, announcing: nil, admits: { _ in true })
            keep(HostilePath(path, keys.authors[author], role: .called))
            channel.activate()
            channel.receive(ByteBuffer(bytes: dial.early), isCredited: false)
        } catch {
            channel.close(promise: nil)
        }
    }

    /// The peer says how its ports are given out: the remote peer does so for the same round.
    private func answer(_ signal: WireSignal) {
        guard case .forecast(let theirs)? = signal.payload else { return }
        var own = messages.forecast()
        own.round = theirs.round
        say(
            .signal(
                .with {
                    $0.attempt = signal.attempt
                    $0.forecast = own
                }))
    }

    /// A remote peer dials.
    func call() throws {
        let author = messages.below(keys.authors.count)
        let attempt = AttemptID(high: messages.random.next(), low: messages.random.next())
        var early: [UInt8]? = []
        let channel = makeCircuit(attempt) { piece in
            guard early != nil else { return false }
            early?.append(contentsOf: piece.readableBytesView)
            return true
        }
        let path = try keys.authors[author].factory.client(channel, kind: .circuit, expecting: peer.id, skipping: nil)
        keep(HostilePath(path, keys.authors[author], role: .dialer))
        channel.activate()
        let flight = early ?? []
        early = nil
        say(.meet(messages.meet(Data(attempt.bytes), author: author, isDialer: false, early: flight)), mayChange: true)
    }

    private func makeCircuit(_ attempt: AttemptID, takeEarly: @escaping (ByteBuffer) -> Bool) -> CircuitChannel {
        let name = Data(attempt.bytes)
        let carrier = CircuitChannel.Carrier(
            takeEarly: takeEarly,
            send: { [weak self] piece in
                self?.say(
                    .circuitData(
                        .with {
                            $0.attempt = name
                            $0.data = Data(piece.readableBytesView)
                        }))
            },
            grant: { [weak self] bytes in
                self?.say(
                    .circuitCredit(
                        .with {
                            $0.attempt = name
                            $0.bytes = UInt32(clamping: bytes)
                        }))
            },
            finish: { [weak self] in self?.say(.circuitClose(.with { $0.attempt = name })) })
        let channel = CircuitChannel(eventLoop: network.loop, window: 65_536, carrier: carrier)
        keep(channel, attempt)
        channel.closeFuture.assumeIsolated().whenComplete { [weak self, unowned channel] _ in
            if self?.circuits[attempt] === channel { self?.circuits[attempt] = nil }
        }
        return channel
    }

    // MARK: TCP

    /// A remote peer connects to the reserved port, which it may reach or not: as one that dials, as one that was dialed, or with garbage.
    func connect() throws {
        guard let port = peer.reservedPort, let address = outside else { return }
        let author = keys.authors[messages.below(keys.authors.count)]
        let kind = messages.below(4)
        let attempt = messages.attempts.isEmpty ? AttemptID(high: 1, low: 1) : messages.attempts[messages.below(messages.attempts.count)]
        let garbage = messages.random.bytes(messages.below(60))
        let connecting = gate.connect(
            to: Endpoint(address, port), from: messages.random.chance(2) ? Self.remotePort : nil, within: .seconds(5), readsAtOnce: true,
            for: .meet(peer.id, .listed), configure: { _ in })
        connecting.assumeIsolated().whenSuccess { [weak self] channel in
            guard let self else { return channel.close(promise: nil) }
            do {
                switch kind {
                case 0: channel.writeAndFlush(ByteBuffer(bytes: garbage), promise: nil)
                case 1: channel.writeAndFlush(ByteBuffer(bytes: Preamble.bytes(of: attempt) + garbage), promise: nil)
                case 2:
                    let path = try author.factory.server(channel, kind: .tcp, announcing: attempt, admits: { _ in true })
                    keep(HostilePath(path, author, role: .called))
                default:
                    let path = try author.factory.client(channel, kind: .tcp, expecting: peer.id, skipping: nil)
                    keep(HostilePath(path, author, role: .dialer))
                }
            } catch {
                channel.close(promise: nil)
            }
        }
    }

    /// Where the peer's host is seen from outside.
    private var outside: IPAddress? { network.topology.boxes.first?.external ?? network.host("a").addresses.first }

    /// The peer connects to a remote peer.
    func accepted(_ channel: any Channel) throws {
        let author = keys.authors[messages.below(keys.authors.count)]
        switch messages.below(8) {
        case 0: channel.writeAndFlush(ByteBuffer(bytes: messages.random.bytes(messages.below(60))), promise: nil)
        case 1: break
        case 2:
            // It has dialed us, and we are the dialer's as well.
            let path = try author.factory.client(channel, kind: .tcp, expecting: peer.id, skipping: messages.attempts.first)
            keep(HostilePath(path, author, role: .dialer))
        default:
            let path = try author.factory.accepted(channel, expected: { [peer] _ in peer.id }, admits: { _ in true }, decided: { _ in })
            keep(HostilePath(path, author, role: .called))
        }
        channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
    }

    // MARK: STUN

    /// What a Binding request is answered: the truth, a lie, or something that is no answer.
    func answer(_ request: STUNMessage, from source: Endpoint) -> [UInt8]? {
        let lie = messages.random.below(24)
        guard lie != 0 else { return nil }
        let responder = BindingResponder(authentication: .optional, software: "hostile")
        let mapped = lie == 1 ? messages.endpoint() : source
        let key = lie == 2 ? messages.random.bytes(20) : stunKey
        let nonce = lie < 12 ? try? STUNMessage.Nonce(String(repeating: "n", count: 1 + messages.below(100))) : nil
        var bytes = responder.answer(
            to: request, from: mapped, at: source, other: lie == 3 ? messages.endpoint() : nil, over: .tcp, nonce: nonce, isStale: lie == 4,
            key: { _ in key })?.bytes
        if lie == 5, let count = bytes?.count { bytes?[messages.below(count)] ^= 1 << UInt8(messages.random.below(8)) }
        if lie == 6 { bytes = messages.random.bytes(messages.below(60)) }
        if lie == 7 { bytes = bytes.map { $0 + $0 } }
        return bytes
    }

    // MARK: The application

    /// The application dials, gives up, writes, reads, or closes.
    func act() {
        let author = keys.authors[messages.below(keys.authors.count)].peer
        let kind = messages.below(24)
        if kind < 3 { return peer.connect(to: author) }
        if kind == 3 { return peer.cancelDial(to: author) }
        if kind == 4 { return messages.random.chance(8) ? peer.dialBack() : () }
        let sessions = peer.sessions
        guard !sessions.isEmpty else { return peer.connect(to: author) }
        let session = sessions[messages.below(sessions.count)]
        switch kind {
        case 5 where messages.random.chance(4):
            session.close(code: messages.random.next() >> 2, reason: "enough").assumeIsolated().whenComplete { _ in }
        case 6 where messages.random.chance(8): session.abort(code: 1, reason: "enough")
        case 7: session.finish(.initial)
        case 8: session.reset(frames.streamID(), code: 1)
        case 9: session.stopReading(frames.streamID(), code: 1)
        case 10..<16:
            var bytes = ByteBuffer(repeating: 1, count: messages.below(20_000))
            session.writeNow(&bytes, to: .initial)
        default: for _ in 0..<4 { _ = session.readNow(messages.random.chance(4) ? frames.streamID() : .initial, limit: 65_536) }
        }
    }
}
