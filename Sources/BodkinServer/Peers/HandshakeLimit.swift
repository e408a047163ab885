import BodkinCore
import NIOCore

/// Bounds the bytes of a client that the server reads before the handshake is over: a ClientHello, one certificate and its proof take less than 3 KiB. So no long
/// chain is parsed.
///
/// It also holds the handshake back until its turn has come: what is not read stays in the system.
///
/// Messages may come right behind the handshake. They wait here where the handshake's end is not known yet.
final class HandshakeLimit: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The most bytes that are looked at; a later key exchange may take some more.
    static let byteCount = 16_384
    /// The most bytes that wait: the first flight of a peer that registers with a long list, twice.
    static let waitingByteCount = 131_072

    private var rest = HandshakeLimit.byteCount
    private var waiting = ByteBuffer()
    private var isLifted = false
    private var hasBegun = false
    private var isReadDue = false
    private var context: ChannelHandlerContext?
    private let request: (IPAddress, @escaping @Sendable () -> Void) -> Bool

    /// - Parameter request: asks for a turn: true for now, and otherwise the function is called when it has come.
    init(request: @escaping (IPAddress, @escaping @Sendable () -> Void) -> Bool = { _, _ in true }) { self.request = request }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        waiting = ByteBuffer()
    }

    func channelActive(context: ChannelHandlerContext) {
        let limit = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let source = Endpoint(context.remoteAddress)?.address ?? .unspecified(.v4)
        hasBegun = request(source) { loop.execute { limit.value.begin() } }
        if hasBegun { begin() }
        context.fireChannelActive()
    }

    func read(context: ChannelHandlerContext) {
        if hasBegun { context.read() } else { isReadDue = true }
    }

    /// The handshake's turn has come.
    private func begin() {
        hasBegun = true
        guard isReadDue, let context else { return }
        isReadDue = false
        context.read()
    }

    /// The handshake is over: this handler passes on what waits, and goes.
    func lift() {
        isLifted = true
        guard let context else { return }
        let limit = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute { limit.value.finish() }
    }

    private func finish() {
        guard let context else { return }
        if waiting.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(waiting))
            context.fireChannelReadComplete()
        }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if !isLifted, let first = bytes.readSlice(length: min(rest, bytes.readableBytes)), first.readableBytes > 0 {
            rest -= first.readableBytes
            context.fireChannelRead(wrapInboundOut(first))
        }
        guard bytes.readableBytes > 0 else { return }
        if isLifted, waiting.readableBytes == 0 { return context.fireChannelRead(wrapInboundOut(bytes)) }
        waiting.writeBuffer(&bytes)
        if waiting.readableBytes > Self.waitingByteCount { context.close(promise: nil) }
    }
}
