import BodkinProtocols
import NIOCore
import NIOHTTP1

/// `GET /health`: 200 and a few figures as JSON, for whoever watches over the server; 404 for everything else.
final class HealthResponder: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let hub: Hub
    private let started: ContinuousClock.Instant
    private var isHealth = false
    private var timeout: Scheduled<Void>?

    init(hub: Hub, started: ContinuousClock.Instant) {
        self.hub = hub
        self.started = started
    }

    func channelActive(context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timeout = context.eventLoop.scheduleTask(in: .seconds(10)) { bound.value.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timeout?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): isHealth = head.method == .GET && head.uri == "/health"
        case .body: break
        case .end: respond(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func respond(_ context: ChannelHandlerContext) {
        let figures = hub.look { $0.statistics }
        let body =
            isHealth
            ? """
            {"status": "ok", "uptime_s": \((ContinuousClock.now - started).components.seconds), "registered": \(figures.registered), \
            "circuits": \(figures.circuits), "relayed_bytes": \(figures.relayedBytes), "dials": \(figures.dials)}\n
            """ : "there is only GET /health here\n"
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: isHealth ? "application/json" : "text/plain")
        headers.add(name: "content-length", value: "\(body.utf8.count)")
        headers.add(name: "connection", value: "close")
        context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: isHealth ? .ok : .notFound, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
    }
}
