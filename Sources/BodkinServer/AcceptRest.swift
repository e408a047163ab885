import Logging
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Lets a listening socket rest when the system has no room for another connection, which stays in the kernel's queue meanwhile.
///
/// Without a rest the socket is readable all the time and keeps a processor busy for nothing. NIO's `AcceptBackoffHandler` (2.101) holds back
/// only the reads that a channel asks for anew, and a read in which nothing could be accepted is still the old one.
final class AcceptRest: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    /// Long enough to cost nothing, and short enough for clients that wait.
    private static let pause = TimeAmount.milliseconds(500)
    private static let shortages: Set<CInt> = [EMFILE, ENFILE, ENOBUFS, ENOMEM]

    private let logger: Logger
    private var isShort = false

    init(_ logger: Logger) { self.logger = logger }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isShort = false
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let shortage = error as? IOError, Self.shortages.contains(shortage.errnoCode) else { return context.fireErrorCaught(error) }
        if !isShort {
            logger.info(
                "no room for another connection: raise the limit of descriptors (ulimit -n, LimitNOFILE)", metadata: ["error": "\(shortage)"])
        }
        isShort = true
        guard let options = context.channel.syncOptions, (try? options.setOption(.autoRead, value: false)) != nil else { return }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.pause) { try? bound.value.channel.syncOptions?.setOption(.autoRead, value: true) }
    }
}
