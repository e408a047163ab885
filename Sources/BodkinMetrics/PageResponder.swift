package import NIOCore
package import NIOHTTP1

/// One page by HTTP, made anew for each GET; 404 for everything else. The connection is closed after each answer, and after 10 s without a question.
package final class PageResponder: ChannelInboundHandler {
    package typealias InboundIn = HTTPServerRequestPart
    package typealias OutboundOut = HTTPServerResponsePart

    private let path: String
    private let type: String
    private let page: () -> String
    private var isAsked = false
    private var timeout: Scheduled<Void>?

    /// A page from its path, its media type and what it says.
    package init(_ path: String, type: String, _ page: @escaping () -> String) {
        self.path = path
        self.type = type
        self.page = page
    }

    package func channelActive(context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timeout = context.eventLoop.scheduleTask(in: .seconds(10)) { bound.value.close(promise: nil) }
        context.fireChannelActive()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        timeout?.cancel()
        context.fireChannelInactive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): isAsked = head.method == .GET && head.uri == path
        case .body: break
        case .end: respond(context)
        }
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func respond(_ context: ChannelHandlerContext) {
        let body = isAsked ? page() : "there is only GET \(path) here\n"
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: isAsked ? type : "text/plain")
        headers.add(name: "content-length", value: "\(body.utf8.count)")
        headers.add(name: "connection", value: "close")
        context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: isAsked ? .ok : .notFound, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
    }
}
