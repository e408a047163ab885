import BodkinBroker
import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import Logging
import NIOCore
import NIOSSL
import NIOTLS

/// One peer's connection: checks who it is and what it says, and hands it to the broker.
///
/// ```
/// handshaking ── TLS 1.3, our ALPN, an Ed25519 key ──▶ greeting ── Hello ──▶ open
///      └───────────── 10 s ─────────────┴─────▶ closing ◀── Failure ──┘
/// ```
final class PeerConnection: ChannelInboundHandler {
    typealias InboundIn = WireEnvelope
    typealias OutboundOut = WireEnvelope.OneOf_Body

    enum Phase {
        case handshaking
        case greeting(PeerID)
        case open(ConnectionID, PeerID, InstanceID)
        case closing
    }

    let shared: PeerService
    var phase = Phase.handshaking
    var source: IPAddress?
    var roundTrip = TimeAmount.zero
    /// When the kernel was asked for the round trip last.
    var measuredAt = NIODeadline.distantPast
    var circuits = CircuitQueue()
    /// The context while the handler is in a pipeline.
    var context: ChannelHandlerContext?
    var greetingTimeout: Scheduled<Void>?
    var pinging: RepeatedTask?
    /// Whether anything has come since the latest interval began, and whether the answer to a ping is due.
    var hasSpoken = false
    var isAnswerDue = false
    var pings: UInt64 = 0
    /// The handler below, which holds messages back that may not be taken yet.
    let envelopes: EnvelopeHandler
    private var handshakeLimit: HandshakeLimit?
    let place: PlaceID
    /// The price of the present turn's messages; whether its end is under way, and whether the messages of earlier ones are still to be paid.
    var turnCost = 0.0
    var isTurnEnding = false
    var isOverdrawn = false
    /// Whether messages or orders are being taken, at the end of which replies leave, and whether there are any.
    var isInTurn = false
    var isFlushDue = false
    /// The memory that is accounted for.
    var held = 0

    init(_ shared: PeerService, _ envelopes: EnvelopeHandler, _ place: PlaceID, handshakeLimit: HandshakeLimit) {
        self.shared = shared
        self.envelopes = envelopes
        self.place = place
        self.handshakeLimit = handshakeLimit
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        envelopes.maximumMessageSize = Self.helloSize
        envelopes.gate = { [weak self] in self?.mayReceive() ?? false }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// The longest message before a peer is welcome.
    private static let helloSize = 4_096

    func channelActive(context: ChannelHandlerContext) {
        guard let address = Endpoint(context.remoteAddress)?.address else {
            phase = .closing
            return context.close(promise: nil)
        }
        source = address
        let handle = NIOLoopBound(self, eventLoop: context.eventLoop)
        greetingTimeout = context.eventLoop.scheduleTask(in: TimeAmount(shared.limits.handshakeTimeout)) { handle.value.greetingHasTimedOut() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .open(let id, _, _) = phase { shared.driver.leave(id) }
        phase = .closing
        greetingTimeout?.cancel()
        pinging?.cancel()
        circuits = CircuitQueue()
        source = nil
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let name) = event as? TLSUserEvent { greet(context, name) }
        context.fireUserInboundEventTriggered(event)
    }

    private func greet(_ context: ChannelHandlerContext, _ name: String?) {
        guard case .handshaking = phase else { return }
        guard name == TLSContexts.rendezvousProtocol, let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate(),
            let peer = CertificateIdentity.peerID(of: certificate)
        else {
            phase = .closing
            return context.close(promise: nil)
        }
        phase = .greeting(peer)
        handshakeLimit?.lift()
        handshakeLimit = nil
        measure()
    }

    private func greetingHasTimedOut() {
        switch phase {
        case .handshaking: context?.close(promise: nil)
        case .greeting: fail(.protocol, "The peer sent no hello within \(shared.limits.handshakeTimeout). Send the hello first.")
        case .open, .closing: break
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let received = unwrapInboundIn(data).body
        isInTurn = true
        charge(received)
        guard let body = received else { return }  // what a later version may add
        (hasSpoken, isAnswerDue) = (true, false)
        switch phase {
        case .handshaking, .closing: break
        case .greeting(let peer):
            guard case .hello(let hello) = body else { return fail(.protocol, "The first message is not a hello. Send the hello first.") }
            welcome(hello, peer)
        case .open(let id, let peer, let instance): receive(body, id, peer, instance)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        endTurn()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        drain()
        account()
        resume()
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let undeliverable = error as? UndeliverableMessage { return refused(undeliverable.body) }
        switch (error as? EnvelopeFraming.Failure, phase) {
        case (_, .closing): break
        case (.tooLarge?, _): fail(.tooLarge, "The message is too large. Send at most \(EnvelopeFraming.maximumMessageSize) bytes.")
        case (.malformed?, _): fail(.protocol, "The bytes are no message of \(TLSContexts.rendezvousProtocol). See docs/wire.md for the framing.")
        case (nil, _):
            shared.logger.debug("a connection failed", metadata: ["source": "\(source.map(\.description) ?? "?")", "error": "\(error)"])
            context.close(promise: nil)
        }
    }

    /// A message for this peer was not sent. The request that caused it ends, wherever it came from, and this connection goes on.
    func refused(_ body: WireEnvelope.OneOf_Body) {
        if case .open(let id, _, _) = phase { shared.driver.turn { $0.undelivered(body, to: id, now: $1) } }
    }

    /// Says a last message and closes, after the peer has had a second to read it: closing at once, with its bytes unread, would take the
    /// message back (RFC 9293 section 3.10.4: such a close resets).
    func fail(_ code: WireFailure.Code, _ message: String) {
        guard let context else { return }
        if case .closing = phase { return }
        if case .open(let id, _, _) = phase { shared.driver.leave(id) }
        phase = .closing
        circuits = CircuitQueue()
        // What comes now is read, so that the peer has the answer, and not looked at.
        envelopes.isDiscarding = true
        var failure = WireFailure()
        failure.code = code
        failure.message = message.printable(limit: WireFailure.maximumTextSize)
        failure.timeMs = shared.wallClock()
        context.writeAndFlush(wrapOutboundOut(.failure(failure)), promise: nil)
        let handle = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .seconds(1)) { handle.value.context?.close(promise: nil) }
    }
}
