import NIOCore

/// Bounds what a stranger may have the server look at before its handshake is over: a ClientHello, one certificate and its proof take less than 3 KiB. So no long
/// chain is parsed.
///
/// Messages may come right behind the handshake. They wait here where the handshake's end is not known yet.
final class HandshakeLimit: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// The most bytes that are looked at; a later key exchange may take some more.
    static let byteCount = 16_384
    /// The most bytes that wait: the first flight of a peer that registers with a long list, twice.
    static let waitingByteCount = 131_072

    private var rest = HandshakeLimit.byteCount
    private var waiting = ByteBuffer()
    private var isLifted = false
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        waiting = ByteBuffer()
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
