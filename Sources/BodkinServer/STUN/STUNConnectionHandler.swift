import BodkinBroker
import BodkinCore
import BodkinProtocols
import NIOCore

/// STUN over TCP (RFC 8489 section 6.2.2). A request with a peer's credential and the nonce of the latest answer authenticates this connection as the peer's: as long as
/// it lasts, the server vouches for the endpoint it comes from.
final class STUNConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let driver: BrokerDriver
    private let limits: RendezvousServer.Limits
    private let sockets: STUNSocketTable
    private let place: PlaceID
    private let responder = BindingResponder(authentication: .optional, software: "bodkin")
    private var framer = STUNFramer()
    private var id: BindingID?
    private var source: Endpoint?
    private var context: ChannelHandlerContext?
    private var isRefreshed = false
    private var watching: RepeatedTask?
    /// What the next request with a credential has to repeat: the latest answer has said it.
    private var nonce: STUNMessage.Nonce?
    /// The request that waits for its registration.
    private var parked: STUNMessage?

    /// The way to a connection from any thread.
    struct ConnectionHandle: Sendable {
        private let connection: NIOLoopBound<STUNConnectionHandler>
        private let loop: any EventLoop

        init(_ connection: STUNConnectionHandler, _ loop: any EventLoop) {
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

    init(_ place: PlaceID, driver: BrokerDriver, limits: RendezvousServer.Limits, sockets: STUNSocketTable) {
        self.place = place
        self.driver = driver
        self.limits = limits
        self.sockets = sockets
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        guard let endpoint = Endpoint(context.remoteAddress), let id = driver.joinSTUN(ConnectionHandle(self, context.eventLoop), place)
        else { return context.close(promise: nil) }
        self.id = id
        source = endpoint
        let handle = NIOLoopBound(self, eventLoop: context.eventLoop)
        // The first request soon, the next ones within the idle time.
        watching = context.eventLoop.scheduleRepeatedTask(
            initialDelay: TimeAmount(limits.handshakeTimeout), delay: TimeAmount(limits.stunIdleTimeout)
        ) { _ in handle.value.watch() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        watching?.cancel()
        parked = nil
        if let id { driver.leaveSTUN(id) }
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
            let name = (try? message.attribute(STUNMessage.Username.self)).flatMap({ BindingName($0.text) })
        else { return answer(message, key: nil) }
        // What somebody has seen on another connection, or on this one before, proves nothing.
        guard let nonce, (try? message.attribute(STUNMessage.Nonce.self))?.text == nonce.text else { return answer(message, key: nil, isStale: true) }
        let claim = driver.look { $0.claim(of: name) }
        if let claim, message.verifiedIntegrity(key: claim.key) != nil {
            guard driver.places.authenticate(place) else { return answer(message, key: nil) }
            let arrival = Endpoint(context?.localAddress)?.address
            driver.turn { $0.prove(id, claim.connection, endpoint: source, at: arrival, now: $1) }
            return answer(message, key: claim.key)
        }
        parked = message
        let isParked = driver.turn { $0.park(id, name: name, tried: claim, source: source.address, now: $1) }
        if isParked { return }
        parked = nil
        answer(message, key: nil)
    }

    private func answer(_ message: STUNMessage, key: [UInt8]?, isStale: Bool = false) {
        guard let context, let source, let local = Endpoint(context.localAddress) else { return }
        // Good for one request, on this connection.
        nonce = .random()
        let answer = responder.answer(
            to: message, from: source, at: local, other: sockets.other(than: local), over: .tcp, nonce: nonce, isStale: isStale, key: { _ in key })
        guard let answer else { return }
        // A client that asks without reading is not waited for.
        guard context.channel.isWritable else { return context.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer.bytes)), promise: nil)
    }
}
