import BodkinBroker
import BodkinCore
import BodkinProtocols
import NIOCore

/// STUN over TCP (RFC 8489 section 6.2.2). A request with a peer's credential authenticates this connection as the peer's: as long as it lasts, the
/// server vouches for the endpoint it comes from.
final class WarmConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let hub: Hub
    private let limits: RendezvousServer.Limits
    private let places: STUNPlaces
    private let responder = BindingResponder(authentication: .optional, software: "bodkin")
    private var framer = STUNFramer()
    private var id: WarmID?
    private var source: Endpoint?
    private var context: ChannelHandlerContext?
    private var isRefreshed = false
    private var watching: RepeatedTask?
    /// The request that waits for its registration.
    private var parked: STUNMessage?

    /// The way to a connection from any thread.
    struct Mailbox: Sendable {
        private let connection: NIOLoopBound<WarmConnection>
        private let loop: any EventLoop

        init(_ connection: WarmConnection, _ loop: any EventLoop) {
            self.connection = NIOLoopBound(connection, eventLoop: loop)
            self.loop = loop
        }

        /// Has the parked request judged again.
        func settle() {
            let connection = connection
            loop.execute { connection.value.settle() }
        }

        func close() {
            let connection = connection
            loop.execute { connection.value.context?.close(promise: nil) }
        }
    }

    init(hub: Hub, limits: RendezvousServer.Limits, places: STUNPlaces) {
        self.hub = hub
        self.limits = limits
        self.places = places
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        guard let endpoint = Endpoint(context.remoteAddress), let id = hub.joinSTUN(Mailbox(self, context.eventLoop), source: endpoint.address)
        else { return context.close(promise: nil) }
        self.id = id
        source = endpoint
        let mailbox = NIOLoopBound(self, eventLoop: context.eventLoop)
        // The first request soon, the next ones within the idle time.
        watching = context.eventLoop.scheduleRepeatedTask(
            initialDelay: TimeAmount(limits.handshakeTimeout), delay: TimeAmount(limits.stunIdleTimeout)
        ) { _ in mailbox.value.watch() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        watching?.cancel()
        parked = nil
        if let id, let source { hub.leaveSTUN(id, source: source.address) }
        id = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        do {
            while let message = try framer.next(from: &bytes) {
                if let earlier = parked { answer(earlier, key: nil) }
                parked = nil
                judge(message)
            }
        } catch {
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func watch() {
        if !isRefreshed { context?.close(promise: nil) }
        isRefreshed = false
    }

    private func settle() {
        guard let message = parked else { return }
        parked = nil
        judge(message)
    }

    private func judge(_ message: STUNMessage) {
        isRefreshed = true
        guard let id, let source, message.class == .request, message.method == .binding, message.hasIntegrity,
            let name = try? message.attribute(STUNMessage.Username.self)?.text, let instance = InstanceID(hexadecimal: name)
        else { return answer(message, key: nil) }
        let claims = hub.look { $0.claims(of: instance) }
        if let claim = claims.first(where: { message.verifiedIntegrity(key: $0.key) != nil }) {
            let arrival = Endpoint(context?.localAddress)?.address
            hub.turn { $0.prove(id, claim.connection, endpoint: source, at: arrival, now: $1) }
            return answer(message, key: claim.key)
        }
        parked = message
        let isParked = hub.turn { $0.park(id, instance: instance, tried: claims, source: source.address, now: $1) }
        if isParked { return }
        parked = nil
        answer(message, key: nil)
    }

    private func answer(_ message: STUNMessage, key: [UInt8]?) {
        guard let context, let source, let local = Endpoint(context.localAddress) else { return }
        guard let answer = responder.answer(to: message, from: source, at: local, other: places.other(than: local), over: .tcp, key: { _ in key })
        else { return }
        // A client that asks without reading is not waited for.
        guard context.channel.isWritable else { return context.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer.bytes)), promise: nil)
    }
}

extension InstanceID {
    /// Reads 32 hexadecimal characters.
    init?(hexadecimal text: String) {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == 32, text.utf8.count == 32 else { return nil }
        self.init(bytes: stride(from: 0, to: 32, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) })
    }
}
