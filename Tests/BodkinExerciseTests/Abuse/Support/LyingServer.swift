import BodkinCore
import BodkinIdentity
import BodkinNATLab
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A rendezvous server that brings two peers together, relays their circuit, and lies as a test wants.
final class LyingServer: Sendable {
    /// What it does otherwise than an honest one.
    struct Lies: Sendable {
        /// By how many milliseconds its clock is off.
        var clock: Int64 = 0
        /// What it says a NAT-binding connection comes from.
        var mapped: @Sendable (Endpoint) -> Endpoint = { $0 }
        /// The card of this peer that it passes on.
        var card: @Sendable (PeerID, WireSignedCard) -> WireSignedCard = { $1 }
        /// What it says it has seen of this peer.
        var observed: @Sendable (PeerID, [Endpoint]) -> [Endpoint] = { $1 }
        /// Why it refuses the registration of this number, counted from 1.
        var refusal: @Sendable (Int) -> WireFailure.Code? = { _ in nil }
        /// Sets up the far end of a dial's circuit in the place of the called peer, which hears nothing of the dial; nil where circuits go through.
        var circuit: (@Sendable (CircuitChannel) throws -> Void)?
        /// What keeps pieces of circuits.
        var gate: CircuitGate?
    }

    struct State {
        var clients: [PeerID: any Channel] = [:]
        var registrations: [PeerID: [WireRegister]] = [:]
        var instances: [PeerID: InstanceID] = [:]
        var observed: [String: Endpoint] = [:]
        var attempts: [Data: [PeerID]] = [:]
        var answers: [WireMeetAck] = []
        var refusals = 0
        var pongs: [UInt64] = []
        /// The circuits that it answers itself.
        var circuits: [Data: CircuitChannel] = [:]
    }

    let url: RendezvousURL
    let lies: Lies
    let state = Mutex(State())
    private let context: NIOSSLContext

    private init(_ address: IPAddress, _ lies: Lies) throws {
        let certificate = try CertificateIdentity(.create())
        context = try TLSContexts.server(certificate, protocol: TLSContexts.rendezvousProtocol)
        url = RendezvousURL(hosts: [.init("\(address)", 4433)], keyHash: try certificate.publicKeyHash(), token: nil)
        self.lies = lies
    }

    /// Listens in the lab's host `server` while `body` runs.
    static func run<Result: Sendable>(
        in lab: Lab, _ lies: Lies = Lies(), _ body: @Sendable @escaping (LyingServer) async throws -> Result
    ) async throws -> Result {
        let address = try lab.host("server").address
        return try await lab.withLoop(in: "server") { loop in
            let server = try LyingServer(address, lies)
            try await loop.listen(Endpoint(address, 4433)) { try server.rendezvous($0) }
            try await loop.listen(Endpoint(address, RendezvousURL.defaultSTUNPort)) {
                try $0.pipeline.syncOperations.addHandler(LyingSTUN(server))
            }
            return try await body(server)
        }
    }

    private func rendezvous(_ channel: any Channel) throws {
        let peer = Mutex<PeerID?>(nil)
        let tls = NIOSSLServerHandler(context: context) { certificates, promise in
            peer.withLock { $0 = certificates.first.flatMap { CertificateIdentity.peerID(of: $0) } }
            promise.succeed(.certificateVerified)
        }
        try channel.pipeline.syncOperations.addHandlers([tls, EnvelopeHandler(), LyingRendezvous(self, { peer.withLock { $0 } })])
    }

    /// Milliseconds since 1970, by its clock.
    var now: UInt64 { UInt64(clamping: Int64(Date().timeIntervalSince1970 * 1000) + lies.clock) }

    /// Says something to a peer.
    func send(_ bodies: [WireEnvelope.OneOf_Body], to peer: PeerID) {
        guard let channel = state.withLock({ $0.clients[peer] }) else { return }
        for body in bodies { channel.write(body, promise: nil) }
        channel.flush()
    }

    /// Returns when a peer has read what was sent to it.
    func isRead(by peer: PeerID) async throws {
        var ping = WirePing()
        ping.number = .random(in: 1...UInt64.max)
        send([.ping(ping)], to: peer)
        try await eventually("the pong") { state.withLock { $0.pongs.contains(ping.number) } }
    }

    /// What one peer is told of the other.
    func meet(_ attempt: Data, _ receiver: PeerID, with other: PeerID, isDialer: Bool) -> WireMeet {
        var meet = WireMeet()
        state.withLock { state in
            meet.attempt = attempt
            meet.peer = Data(other.publicKey)
            meet.instance = Data(state.instances[other]?.bytes ?? [])
            meet.isDialer = isDialer
            meet.card = lies.card(other, state.registrations[other]?.last?.card ?? WireSignedCard())
            meet.observed = lies.observed(other, seen(other, state)).map { WireTransportAddress($0) }
            meet.ownObserved = lies.observed(receiver, seen(receiver, state)).map { WireTransportAddress($0) }
            meet.direct = true
            meet.intervalUs = 200_000
        }
        return meet
    }

    private func seen(_ peer: PeerID, _ state: State) -> [Endpoint] {
        state.registrations[peer]?.last.flatMap { state.observed["\(BindingName(key: $0.stunKey))"] }.map { [lies.mapped($0)] } ?? []
    }
}

/// One peer's connection.
private final class LyingRendezvous: ChannelInboundHandler {
    typealias InboundIn = WireEnvelope
    typealias OutboundOut = WireEnvelope.OneOf_Body
    private let server: LyingServer
    private let peer: () -> PeerID?

    init(_ server: LyingServer, _ peer: @escaping () -> PeerID?) {
        self.server = server
        self.peer = peer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let peer = peer(), let body = unwrapInboundIn(data).body else { return }
        switch body {
        case .hello(let hello):
            server.state.withLock {
                $0.clients[peer] = context.channel
                $0.instances[peer] = InstanceID(bytes: hello.instance)
            }
            var welcome = WireWelcome()
            welcome.version = 1
            welcome.timeMs = server.now
            context.writeAndFlush(wrapOutboundOut(.welcome(welcome)), promise: nil)
        case .register(let register): answer(register, of: peer, context)
        case .dial(let dial):
            guard let other = PeerID(publicKey: dial.to) else { return }
            server.state.withLock { $0.attempts[dial.attempt] = [peer, other] }
            if let answer = server.lies.circuit {
                server.send([.meet(server.meet(dial.attempt, peer, with: other, isDialer: true))], to: peer)
                return intercept(dial, from: peer, on: context.eventLoop, answer)
            }
            var toCalled = server.meet(dial.attempt, other, with: peer, isDialer: false)
            toCalled.early = dial.early
            server.send([.meet(toCalled)], to: other)
            server.send([.meet(server.meet(dial.attempt, peer, with: other, isDialer: true))], to: peer)
        case .meetAck(let answer): server.state.withLock { $0.answers.append(answer) }
        case .pong(let pong): server.state.withLock { $0.pongs.append(pong.number) }
        case .circuitData(let data):
            if let channel = circuit(data.attempt) { return channel.receive(ByteBuffer(bytes: data.data)) }
            pass(body, data.attempt, from: peer)
        case .circuitCredit(let credit):
            if let channel = circuit(credit.attempt) { return channel.grant(Int(credit.bytes)) }
            pass(body, credit.attempt, from: peer)
        case .circuitClose(let close):
            if let channel = circuit(close.attempt) { return channel.endByPeer() }
            pass(body, close.attempt, from: peer)
        default: break
        }
    }

    private func circuit(_ attempt: Data) -> CircuitChannel? { server.state.withLock { $0.circuits[attempt] } }

    /// Is the far end of a dial's circuit, as far as the dialer can see.
    private func intercept(_ dial: WireDial, from peer: PeerID, on loop: any EventLoop, _ answer: (CircuitChannel) throws -> Void) {
        let server = server
        let attempt = dial.attempt
        let carrier = CircuitChannel.Carrier(
            send: { piece in
                var data = WireCircuitData()
                data.attempt = attempt
                data.data = Data(piece.readableBytesView)
                server.send([.circuitData(data)], to: peer)
            },
            grant: { bytes in
                var credit = WireCircuitCredit()
                credit.attempt = attempt
                credit.bytes = UInt32(clamping: bytes)
                server.send([.circuitCredit(credit)], to: peer)
            },
            finish: {
                var end = WireCircuitClose()
                end.attempt = attempt
                server.send([.circuitClose(end)], to: peer)
            })
        let channel = CircuitChannel(eventLoop: loop, window: 65_536, carrier: carrier)
        server.state.withLock { $0.circuits[attempt] = channel }
        do {
            try answer(channel)
            channel.activate()
            channel.receive(ByteBuffer(bytes: dial.early), isCredited: false)
        } catch {
            channel.close(promise: nil)
        }
    }

    private func answer(_ register: WireRegister, of peer: PeerID, _ context: ChannelHandlerContext) {
        let count = server.state.withLock { state in
            state.registrations[peer, default: []].append(register)
            return state.registrations[peer]?.count ?? 0
        }
        var code = server.lies.refusal(count)
        do {
            _ = try Card(register.card, of: peer, server: server.url.keyHash, now: server.now)
        } catch {
            code = error == .expired ? .expired : .card
        }
        guard let code else {
            context.writeAndFlush(wrapOutboundOut(.registered(WireRegistered())), promise: nil)
            return
        }
        server.state.withLock { $0.refusals += 1 }
        var failure = WireFailure()
        failure.code = code
        failure.timeMs = server.now
        context.writeAndFlush(wrapOutboundOut(.failure(failure)), promise: nil)
    }

    private func pass(_ body: WireEnvelope.OneOf_Body, _ attempt: Data, from peer: PeerID) {
        guard let peers = server.state.withLock({ $0.attempts[attempt] }), let other = peers.first(where: { $0 != peer }) else { return }
        if server.lies.gate?.keeps(body, peer == peers[0] ? .fromDialer(peer) : .toDialer(other)) == true { return }
        server.send([body], to: other)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// STUN over TCP that answers what the server says, true or not.
private final class LyingSTUN: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let server: LyingServer
    private var framer = STUNFramer()

    init(_ server: LyingServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard let source = Endpoint(context.remoteAddress) else { return }
        while let message = try? framer.next(from: &bytes) {
            let name = try? message.attribute(STUNMessage.Username.self)?.text
            let key = server.state.withLock { state -> Data? in
                if let name { state.observed[name] = source }
                return state.registrations.values.compactMap { $0.last?.stunKey }.first { "\(BindingName(key: $0))" == name }
            }
            var answer = STUNMessage.bindingSuccess(to: message, mapped: server.lies.mapped(source))
            answer.seal(key: key.map { Array($0) }, [.sha1], fingerprint: true)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer.bytes)), promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
