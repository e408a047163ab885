import BodkinProtocols
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// Makes a tunnel of a connection to a proxy: what is added to the pipeline afterwards speaks with the server.
enum ProxyTunnel {
    /// Asks the proxy for the tunnel. `completion` is called on the event loop, once; the time limit is the caller's.
    static func open(_ tunnel: ServerRoute.Tunnel, on channel: any Channel, completion: @escaping (Result<Void, ProxyRefusal>) -> Void) throws {
        let pipeline = channel.pipeline.syncOperations
        switch tunnel.proxy.scheme {
        case .socks: try pipeline.addHandler(SOCKSTunnel(tunnel, completion))
        case .http:
            let (encoder, decoder) = (
                HTTPRequestEncoder(), ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes), maximumBufferSize: 65_536)
            )
            for handler: any RemovableChannelHandler in [encoder, decoder] { try pipeline.addHandler(handler) }
            try pipeline.addHandler(
                HTTPTunnel(tunnel) { result in
                    guard case .success = result else { return completion(result) }
                    // The decoder goes when it is through with what it reads, and what is sent until then is to be HTTP.
                    pipeline.removeHandler(encoder).and(pipeline.removeHandler(decoder)).assumeIsolated().whenComplete { _ in completion(result) }
                })
        }
    }
}

/// CONNECT (RFC 9110 section 9.3.6), with Basic credentials at once where there are any (RFC 7617).
private final class HTTPTunnel: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let tunnel: ServerRoute.Tunnel
    private var completion: ((Result<Void, ProxyRefusal>) -> Void)?
    private var isOpen = false

    init(_ tunnel: ServerRoute.Tunnel, _ completion: @escaping (Result<Void, ProxyRefusal>) -> Void) {
        (self.tunnel, self.completion) = (tunnel, completion)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let target = "\(tunnel.target)"
        var head = HTTPRequestHead(version: .http1_1, method: .CONNECT, uri: target, headers: ["Host": target])
        if let credentials = tunnel.proxy.credentials {
            head.headers.add(
                name: "Proxy-Authorization", value: "Basic " + Data("\(credentials.user):\(credentials.password)".utf8).base64EncodedString())
        }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head) where (200...299).contains(head.status.code): isOpen = true
        case .head(let head) where head.status.code >= 300:
            let schemes = (head.headers["Proxy-Authenticate"] + head.headers["WWW-Authenticate"]).map { String($0.prefix { $0 != " " }) }
            end(.failure(ProxyRefusal(http: head.status.code, schemes: schemes, hasCredentials: tunnel.proxy.credentials != nil)))
        case .end where isOpen:
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
            end(.success(()))
        // An answer of 1xx, and bodies.
        case .head, .body, .end: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(.failure(error is HTTPParserError ? .otherProtocol : .closed)) }

    func channelInactive(context: ChannelHandlerContext) { end(.failure(.closed)) }

    private func end(_ result: Result<Void, ProxyRefusal>) {
        let completion = completion
        self.completion = nil
        completion?(result)
    }
}

/// The driver of ``SOCKSHandshake``.
private final class SOCKSTunnel: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var handshake: SOCKSHandshake
    private var completion: ((Result<Void, ProxyRefusal>) -> Void)?

    init(_ tunnel: ServerRoute.Tunnel, _ completion: @escaping (Result<Void, ProxyRefusal>) -> Void) {
        handshake = SOCKSHandshake(to: tunnel.target, credentials: tunnel.proxy.credentials)
        self.completion = completion
    }

    func handlerAdded(context: ChannelHandlerContext) { send(handshake.greeting, context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch handshake.received(unwrapInboundIn(data).readableBytesView) {
        case .wait: break
        case .send(let bytes): send(bytes, context)
        case .refused(let refusal): end(.failure(refusal))
        case .open(let rest):
            end(.success(()))
            if !rest.isEmpty { context.fireChannelRead(NIOAny(ByteBuffer(bytes: rest))) }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(.failure(.closed)) }

    func channelInactive(context: ChannelHandlerContext) { end(.failure(.closed)) }

    private func send(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    private func end(_ result: Result<Void, ProxyRefusal>) {
        let completion = completion
        self.completion = nil
        completion?(result)
    }
}
