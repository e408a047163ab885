package import BodkinProtocols
import DequeModule
package import NIOCore

/// A message that could not be written. The peer that caused it need not be the receiver.
package struct UndeliverableMessage: Error {
    /// The message.
    package let body: WireEnvelope.OneOf_Body
    /// Why not.
    package let failure: EnvelopeFraming.Failure
}

/// Reads and writes the messages of the rendezvous protocol.
///
/// Messages that are written before one flush leave in one piece. While the channel takes no more they wait here, so ``waitingByteCount`` is what a remote end that
/// does not read costs. An owner with a ``gate`` takes messages at its own pace; meanwhile nothing more is read from the channel.
package final class EnvelopeHandler: ChannelDuplexHandler {
    /// What arrives from below.
    package typealias InboundIn = ByteBuffer
    /// What is passed on.
    package typealias InboundOut = WireEnvelope
    /// What is written.
    package typealias OutboundIn = WireEnvelope.OneOf_Body
    /// What goes below.
    package typealias OutboundOut = ByteBuffer

    /// The longest piece that goes below: two TLS records that fit into 32 KiB with what encryption adds. TLS keeps a buffer of the size that the longest piece needs.
    private static let pieceSize = 32_600

    /// Whether the next message may be passed on; asked before each. After false the owner calls ``resume()``.
    package var gate: () -> Bool = { true }
    /// The longest message that is accepted.
    package var maximumMessageSize = EnvelopeFraming.maximumMessageSize
    /// Whether what comes is read and forgotten.
    package var isDiscarding = false {
        didSet {
            guard isDiscarding else { return }
            unread = ByteBuffer()
            gate = { true }
            context?.eventLoop.assumeIsolated().execute { [weak self] in self?.resume() }
        }
    }
    private var context: ChannelHandlerContext?
    private var unread = ByteBuffer()
    private var isPassingOn = false
    /// Whether messages wait for the gate, and whether a read waits for them.
    private var isHeld = false
    private var isReadDue = false
    private var unwritten = ByteBuffer()
    /// The promises of what is unwritten, by the number of the byte that each ends with.
    private var promises = Deque<(end: Int, promise: EventLoopPromise<Void>)>()
    private var writtenCount = 0
    private var isFlushDue = false

    /// A handler for one connection.
    package init() {}

    /// The bytes that wait because the remote end does not read.
    package var waitingByteCount: Int { unwritten.readableBytes }

    /// The memory that is taken by what waits, in either direction.
    package var bufferedByteCount: Int {
        (unread.readableBytes > 0 ? unread.storageCapacity : 0) + (unwritten.readableBytes > 0 ? unwritten.storageCapacity : 0)
    }

    /// Keeps the context.
    package func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    /// Forgets everything.
    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        gate = { false }
        discard()
    }

    // MARK: Inbound

    /// Takes bytes and passes on every whole message. What is no message closes nothing by itself: the error is fired.
    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDiscarding else { return }
        var bytes = unwrapInboundIn(data)
        if unread.readableBytes == 0 { unread = bytes } else { unread.writeBuffer(&bytes) }
        passOn(context)
    }

    /// Reads on, unless messages are held.
    package func read(context: ChannelHandlerContext) {
        if isHeld { isReadDue = true } else { context.read() }
    }

    /// The gate may be open again.
    package func resume() {
        guard isHeld, let context else { return }
        isHeld = false
        passOn(context)
        context.fireChannelReadComplete()
        guard !isHeld, isReadDue else { return }
        isReadDue = false
        context.read()
    }

    private func passOn(_ context: ChannelHandlerContext) {
        guard !isHeld, !isPassingOn else { return }
        isPassingOn = true
        defer { isPassingOn = false }
        do {
            while unread.readableBytes > 0 {
                guard gate() else {
                    isHeld = true
                    break
                }
                guard let envelope = try EnvelopeFraming.read(from: &unread, limit: maximumMessageSize) else { break }
                context.fireChannelRead(wrapInboundOut(envelope))
            }
            // What is idle keeps no buffer, and half a message none that is much larger.
            if unread.readableBytes == 0 {
                unread = ByteBuffer()
            } else if unread.storageCapacity > 2 * unread.readableBytes + 1_024 {
                unread = ByteBuffer(bytes: unread.readableBytesView)
            }
        } catch {
            unread = ByteBuffer()
            context.fireErrorCaught(error)
        }
    }

    // MARK: Outbound

    /// Takes one message. What cannot be written closes nothing by itself: an ``UndeliverableMessage`` is fired.
    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let body = unwrapOutboundIn(data)
        do throws(EnvelopeFraming.Failure) {
            try EnvelopeFraming.write(body, to: &unwritten)
            if let promise { promises.append((writtenCount + unwritten.readableBytes, promise)) }
        } catch {
            let undeliverable = UndeliverableMessage(body: body, failure: error)
            promise?.fail(undeliverable)
            context.fireErrorCaught(undeliverable)
        }
    }

    /// Writes what was taken, as far as the channel takes it.
    package func flush(context: ChannelHandlerContext) {
        isFlushDue = true
        writeWaiting(context)
        context.flush()
    }

    /// Goes on writing.
    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if isFlushDue, unwritten.readableBytes > 0 {
            writeWaiting(context)
            context.flush()
        }
        context.fireChannelWritabilityChanged()
    }

    private func writeWaiting(_ context: ChannelHandlerContext) {
        while context.channel.isWritable, unwritten.readableBytes > 0 {
            guard let piece = unwritten.readSlice(length: min(unwritten.readableBytes, Self.pieceSize)) else { break }
            writtenCount += piece.readableBytes
            context.write(wrapOutboundOut(piece), promise: promise(upTo: writtenCount, context))
            // The channel counts what is flushed.
            context.flush()
        }
        guard unwritten.readableBytes == 0 else {
            if unwritten.readerIndex > unwritten.readableBytes { unwritten.discardReadBytes() }
            return
        }
        unwritten = ByteBuffer()
        isFlushDue = false
    }

    /// A promise that fulfils those of all messages that end with this byte or before it.
    private func promise(upTo end: Int, _ context: ChannelHandlerContext) -> EventLoopPromise<Void>? {
        guard let first = promises.first, first.end <= end else { return nil }
        let promise = context.eventLoop.makePromise(of: Void.self)
        while let next = promises.first, next.end <= end {
            promise.futureResult.cascade(to: next.promise)
            promises.removeFirst()
        }
        return promise
    }

    /// Nothing goes out any more.
    package func channelInactive(context: ChannelHandlerContext) {
        discard()
        context.fireChannelInactive()
    }

    private func discard() {
        unread = ByteBuffer()
        unwritten = ByteBuffer()
        let failed = promises
        promises = []
        for item in failed { item.promise.fail(ChannelError.ioOnClosedChannel) }
    }
}
