package import BodkinProtocols
package import NIOCore

/// A message that could not be written. Its cause is whoever had it sent, which need not be the receiver.
package struct UndeliverableMessage: Error {
    /// The message.
    package let body: WireEnvelope.OneOf_Body
    /// Why not.
    package let failure: EnvelopeFraming.Failure
}

/// Reads and writes the messages of the rendezvous protocol.
package final class EnvelopeHandler: ChannelDuplexHandler {
    /// What arrives from below.
    package typealias InboundIn = ByteBuffer
    /// What is passed on.
    package typealias InboundOut = WireEnvelope
    /// What is written.
    package typealias OutboundIn = WireEnvelope.OneOf_Body
    /// What goes below.
    package typealias OutboundOut = ByteBuffer

    private var unread = ByteBuffer()

    /// A handler for one connection.
    package init() {}

    /// Takes bytes and passes on every whole message. What is no message closes nothing by itself: the error is fired.
    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if unread.readableBytes == 0 { unread = bytes } else { unread.writeBuffer(&bytes) }
        do {
            while let envelope = try EnvelopeFraming.read(from: &unread) { context.fireChannelRead(wrapInboundOut(envelope)) }
            // What is idle keeps no buffer.
            if unread.readableBytes == 0 { unread = ByteBuffer() } else { unread.discardReadBytes() }
        } catch {
            unread.clear()
            context.fireErrorCaught(error)
        }
    }

    /// Writes one message. What cannot be written closes nothing by itself: an ``UndeliverableMessage`` is fired.
    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let body = unwrapOutboundIn(data)
        var buffer = context.channel.allocator.buffer(capacity: 512)
        do throws(EnvelopeFraming.Failure) {
            try EnvelopeFraming.write(body, to: &buffer)
            context.write(wrapOutboundOut(buffer), promise: promise)
        } catch {
            let undeliverable = UndeliverableMessage(body: body, failure: error)
            promise?.fail(undeliverable)
            context.fireErrorCaught(undeliverable)
        }
    }
}
