import NIOCore
import NIOEmbedded

/// A connection whose socket the system closes only when the test says so.
final class IdleChannel {
    let channel = EmbeddedChannel(handler: Holder())

    init() { try? channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 1)).wait() }

    /// The system has closed the socket.
    func finish() {
        _ = try? channel.pipeline.syncOperations.removeHandler(channel.pipeline.syncOperations.handler(type: Holder.self)).wait()
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }
}

/// Holds a close back.
private final class Holder: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = ByteBuffer

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) { promise?.succeed() }
}
