import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import Crypto
import FoundationEssentials
import NIOCore
import NIOPosix
import NIOSSL
import SwiftProtobuf

/// A client of a rendezvous server that signs what a test has it sign, and says what a test has it say.
final class LyingPeer {
    let identity: Identity
    let instance = InstanceID.random()
    let url: RendezvousURL
    private let stunKey = (0..<20).map { _ in UInt8.random(in: .min ... .max) }
    private let channel: any Channel
    private var messages: AsyncStream<WireEnvelope.OneOf_Body>.AsyncIterator
    private var sequence: UInt64 = 0

    var id: PeerID { identity.peerID }

    /// Connects to the server from an event loop, which belongs to a host.
    init(_ url: RendezvousURL, on loop: any EventLoop) async throws {
        let identity = try Identity.create()
        self.identity = identity
        self.url = url
        let context = try TLSContexts.client(CertificateIdentity(identity), protocol: TLSContexts.rendezvousProtocol)
        let (stream, continuation) = AsyncStream<WireEnvelope.OneOf_Body>.makeStream()
        messages = stream.makeAsyncIterator()
        guard let host = url.hosts.first, let address = IPAddress(host.name) else { throw Missing(description: "a server's address") }
        let server = try SocketAddress(Endpoint(address, host.port))
        // A socket belongs to the network of the thread that makes it.
        channel = try await loop.flatSubmit {
            ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let tls = try NIOSSLClientHandler(context: context, serverHostname: nil) { _, promise in
                            promise.succeed(.certificateVerified)
                        }
                        try channel.pipeline.syncOperations.addHandlers(tls, EnvelopeHandler(), MessageCollector(continuation))
                    }
                }
                .connect(to: server)
        }.get()
    }

    func send(_ bodies: WireEnvelope.OneOf_Body...) {
        for body in bodies { channel.write(body, promise: nil) }
        channel.flush()
    }

    /// The next message that `pick` takes; others are passed over.
    func next<Body>(_ what: String, _ pick: (WireEnvelope.OneOf_Body) -> Body?) async throws -> Body {
        var last: WireEnvelope.OneOf_Body?
        while let body = await messages.next() {
            if let picked = pick(body) { return picked }
            last = body
        }
        throw Missing(description: "\(what) has not come before the end of the connection, after \(last.map { "\($0)" } ?? "nothing")")
    }

    // MARK: What it says

    func hello(token: [UInt8]? = nil) -> WireEnvelope.OneOf_Body {
        var hello = WireHello()
        hello.lowestVersion = 1
        hello.highestVersion = 1
        hello.token = Data(token ?? url.token ?? [])
        hello.instance = Data(instance.bytes)
        return .hello(hello)
    }

    /// A card with these candidates, however many, signed.
    func card(_ endpoints: [Endpoint], expiry: UInt64 = LyingPeer.now + 3_600_000) throws -> WireSignedCard {
        sequence += 1
        var card = WireCard()
        card.peer = Data(id.publicKey)
        card.instance = Data(instance.bytes)
        card.sequence = sequence
        card.server = Data(url.keyHash ?? [])
        card.expiresMs = expiry
        card.candidates = endpoints.map { endpoint in
            var candidate = WireCandidate()
            candidate.kind = endpoint.address.scope == .public ? .serverReflexive : .host
            candidate.address = Data(endpoint.address.bytes)
            candidate.port = UInt32(endpoint.port)
            return candidate
        }
        var signed = WireSignedCard()
        signed.card = try card.serializedBytes()
        signed.signature = try identity.privateKey.signature(for: Array("bodkin card 1\0".utf8) + signed.card)
        return signed
    }

    func register(_ card: WireSignedCard, bindings: UInt32 = 1) -> WireEnvelope.OneOf_Body {
        var register = WireRegister()
        register.card = card
        register.policy.admission = .anyone
        register.stunKey = Data(stunKey)
        register.expectedBindings = bindings
        return .register(register)
    }

    func dial(_ peer: PeerID, _ attempt: AttemptID, early: [UInt8] = []) -> WireEnvelope.OneOf_Body {
        var dial = WireDial()
        dial.to = Data(peer.publicKey)
        dial.attempt = Data(attempt.bytes)
        dial.early = Data(early)
        dial.direct = true
        return .dial(dial)
    }

    func signal(_ card: WireSignedCard, _ attempt: AttemptID) -> WireEnvelope.OneOf_Body {
        var signal = WireSignal()
        signal.attempt = Data(attempt.bytes)
        signal.card = card
        return .signal(signal)
    }

    /// Proves where it is, by a NAT-binding connection from this port.
    func warm(from port: UInt16) async throws {
        guard let host = url.hosts.first, let address = IPAddress(host.name) else { throw Missing(description: "a server's address") }
        let credential = try BindingName.credential(key: stunKey)
        let loop = channel.eventLoop
        let answered = loop.makePromise(of: Void.self)
        let local = try SocketAddress(Endpoint(.unspecified(address.family), port))
        let server = try SocketAddress(Endpoint(address, url.stunPort))
        _ = try await loop.flatSubmit {
            ClientBootstrap(group: loop)
                .channelOption(.socketOption(.so_reuseaddr), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Prover(credential, answered)) }
                }
                .bind(to: local).connect(to: server)
        }.get()
        try await answered.futureResult.get()
    }

    /// Milliseconds since 1970.
    static var now: UInt64 { UInt64(Date().timeIntervalSince1970 * 1000) }
}

/// Hands messages over to a stream, which ends with the connection.
private final class MessageCollector: ChannelInboundHandler {
    typealias InboundIn = WireEnvelope
    typealias OutboundOut = WireEnvelope.OneOf_Body
    private let continuation: AsyncStream<WireEnvelope.OneOf_Body>.Continuation

    init(_ continuation: AsyncStream<WireEnvelope.OneOf_Body>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let body = unwrapInboundIn(data).body else { return }
        if case .ping(let ping) = body { return context.writeAndFlush(wrapOutboundOut(.pong(ping)), promise: nil) }
        continuation.yield(body)
    }

    func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Asks a STUN server, proves itself with the nonce of the answer, and keeps a promise with the answer to that.
private final class Prover: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let credential: STUNCredential
    private let promise: EventLoopPromise<Void>
    private var framer = STUNFramer()
    private var hasAsked = false

    init(_ credential: STUNCredential, _ promise: EventLoopPromise<Void>) {
        self.credential = credential
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) { send(.bindingRequest(), context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        while let answer = try? framer.next(from: &bytes) {
            guard !hasAsked else { return promise.succeed() }
            hasAsked = true
            send(.bindingRequest(credential: credential, nonce: try? answer.attribute(STUNMessage.Nonce.self)), context)
        }
    }

    private func send(_ request: STUNMessage, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: request.bytes)), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(Missing(description: "the answer of the STUN server")) }
}
