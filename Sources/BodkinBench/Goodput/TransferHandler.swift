import NIOCore

/// One end of a transfer over a channel: writes so many bytes as fast as the channel takes them, and reads so many.
final class TransferHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What is written at once: as much as Bodkin's driver takes from a session for one write.
    static let pieceSize = 65_536

    private let piece = ByteBuffer(repeating: 0x5A, count: pieceSize)
    private var context: ChannelHandlerContext?
    private var unwritten = 0
    private var unread = 0
    private var promise: EventLoopPromise<Void>?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Begins; the promise is kept when everything is written and read.
    func begin(writing: Int, reading: Int, _ promise: EventLoopPromise<Void>) {
        guard let context, context.channel.isActive else { return promise.fail(ChannelError.ioOnClosedChannel) }
        unwritten += writing
        unread += reading
        self.promise = promise
        write(context)
        endIfDone()
    }

    private func write(_ context: ChannelHandlerContext) {
        while unwritten > 0, context.channel.isWritable {
            let bytes = unwritten >= Self.pieceSize ? piece : piece.getSlice(at: 0, length: unwritten) ?? piece
            unwritten -= bytes.readableBytes
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }
    }

    private func endIfDone() {
        guard unwritten == 0, unread <= 0, let promise else { return }
        self.promise = nil
        promise.succeed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unread -= unwrapInboundIn(data).readableBytes
        endIfDone()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        write(context)
        endIfDone()
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) { promise?.fail(ChannelError.eof) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise?.fail(error)
        promise = nil
        context.close(promise: nil)
    }
}

extension TransferHandler {
    /// A channel with its handler, which is used on the channel's event loop.
    struct End: Sendable {
        let channel: any Channel
        private let handler: NIOLoopBound<TransferHandler>

        /// Adds a handler to a channel.
        init(_ channel: any Channel) async throws {
            self.channel = channel
            handler = try await channel.eventLoop.submit {
                let handler = TransferHandler()
                try channel.pipeline.syncOperations.addHandler(handler)
                return NIOLoopBound(handler, eventLoop: channel.eventLoop)
            }.get()
        }

        /// Writes and reads so much, and waits for both.
        func transfer(writing: Int, reading: Int) async throws {
            let handler = handler
            try await channel.eventLoop.flatSubmit {
                let promise = channel.eventLoop.makePromise(of: Void.self)
                handler.value.begin(writing: writing, reading: reading, promise)
                return promise.futureResult
            }.get()
        }
    }
}
