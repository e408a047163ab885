import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinServer
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOPosix
import NIOSSL
import Testing

/// A peer that says exactly what a test has it say, over real TLS.
final class TestPeer {
    let identity: Identity
    let instance: InstanceID
    let stunKey = (0..<20).map { _ in UInt8.random(in: .min ... .max) }
    let listening: RendezvousServer.Listening
    let channel: any Channel
    /// How many pings of the server's it has answered.
    private(set) var answeredPings = 0
    private var messages: AsyncStream<WireEnvelope.OneOf_Body>.AsyncIterator

    var id: PeerID { identity.peerID }

    init(_ listening: RendezvousServer.Listening, identity: Identity? = nil, instance: InstanceID = .random()) async throws {
        self.listening = listening
        self.identity = try identity ?? .create()
        self.instance = instance
        let context = try TLSContexts.client(CertificateIdentity(self.identity), protocol: TLSContexts.rendezvousProtocol)
        let (stream, continuation) = AsyncStream<WireEnvelope.OneOf_Body>.makeStream()
        messages = stream.makeAsyncIterator()
        let place = try #require(listening.rendezvous.first)
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        NIOSSLClientHandler(context: context, serverHostname: nil) { certificates, promise in
                            let hash = certificates.first.flatMap { try? CertificateIdentity.publicKeyHash(of: $0) }
                            promise.succeed(hash == listening.url.keyHash ? .certificateVerified : .failed)
                        }, EnvelopeHandler(), Collector(continuation))
                }
            }
            .connect(host: place.address.description, port: Int(place.port)).get()
    }

    func send(_ bodies: WireEnvelope.OneOf_Body...) {
        for body in bodies { channel.write(body, promise: nil) }
        channel.flush()
    }

    /// Sends bytes that need not be a message.
    func send(raw bytes: [UInt8]) async throws {
        let channel = channel
        try await channel.eventLoop.submit {
            let context = try channel.pipeline.syncOperations.context(handlerType: EnvelopeHandler.self)
            context.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)), promise: nil)
        }.get()
    }

    /// The next message; nil when the server has closed.
    func next() async -> WireEnvelope.OneOf_Body? {
        while let body = await messages.next() {
            if case .ping(let ping) = body {
                answeredPings += 1
                send(.pong(ping))
                continue
            }
            return body
        }
        return nil
    }

    func close() { channel.close(promise: nil) }

    // MARK: What peers usually say

    func hello(token: [UInt8]? = nil, versions: ClosedRange<UInt32> = 1...1) -> WireEnvelope.OneOf_Body {
        var hello = WireHello()
        hello.lowestVersion = versions.lowerBound
        hello.highestVersion = versions.upperBound
        hello.token = Data(token ?? listening.url.token ?? [])
        hello.instance = Data(instance.bytes)
        hello.agent = "test/1"
        return .hello(hello)
    }

    /// Milliseconds since 1970.
    static var now: UInt64 { UInt64(Date().timeIntervalSince1970 * 1000) }

    func register(
        sequence: UInt64 = 1, expiry: UInt64 = TestPeer.now + 3_600_000, admission: WirePolicy.Admission = .anyone, peers: [PeerID] = [],
        bindings: UInt32 = 0, server: [UInt8]? = nil, instance: InstanceID? = nil, owner: PeerID? = nil
    ) throws -> WireEnvelope.OneOf_Body {
        let card = Card(
            peer: owner ?? id, instance: instance ?? self.instance, sequence: sequence, server: server ?? listening.url.keyHash ?? [],
            expiry: expiry, candidates: [Candidate(.host, Endpoint(IPAddress(v4: 0x0A00_0001), 4000))])
        var register = WireRegister()
        register.card = try card.signed(by: identity.privateKey)
        register.policy.admission = admission
        register.policy.peers = peers.map { Data($0.publicKey) }
        register.stunKey = Data(stunKey)
        register.expectedBindings = bindings
        return .register(register)
    }

    func dial(_ peer: PeerID, _ attempt: AttemptID = .random(), early: String = "early", direct: Bool = true) -> WireEnvelope.OneOf_Body {
        var dial = WireDial()
        dial.to = Data(peer.publicKey)
        dial.attempt = Data(attempt.bytes)
        dial.early = Data(early.utf8)
        dial.direct = direct
        return .dial(dial)
    }

    func answer(_ attempt: AttemptID, _ answer: WireMeetAck.Answer = .accepted) -> WireEnvelope.OneOf_Body {
        var ack = WireMeetAck()
        ack.attempt = Data(attempt.bytes)
        ack.answer = answer
        return .meetAck(ack)
    }

    func data(_ attempt: AttemptID, _ bytes: [UInt8]) -> WireEnvelope.OneOf_Body {
        var data = WireCircuitData()
        data.attempt = Data(attempt.bytes)
        data.data = Data(bytes)
        return .circuitData(data)
    }

    func credit(_ attempt: AttemptID, _ count: Int) -> WireEnvelope.OneOf_Body {
        var credit = WireCircuitCredit()
        credit.attempt = Data(attempt.bytes)
        credit.bytes = UInt32(count)
        return .circuitCredit(credit)
    }

    func closeCircuit(_ attempt: AttemptID) -> WireEnvelope.OneOf_Body {
        var close = WireCircuitClose()
        close.attempt = Data(attempt.bytes)
        return .circuitClose(close)
    }
}

/// Hands messages over to a stream, which ends with the connection.
private final class Collector: ChannelInboundHandler {
    typealias InboundIn = WireEnvelope
    private let continuation: AsyncStream<WireEnvelope.OneOf_Body>.Continuation

    init(_ continuation: AsyncStream<WireEnvelope.OneOf_Body>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if let body = unwrapInboundIn(data).body { continuation.yield(body) }
    }

    func channelInactive(context: ChannelHandlerContext) { continuation.finish() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
