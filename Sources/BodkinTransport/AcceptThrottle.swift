package import Logging
package import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Gives each accepted connection its place, and lets a listening socket rest when there is no room for another connection, which stays in the kernel's queue meanwhile.
///
/// Without a rest the socket is readable all the time and keeps a processor busy for nothing. NIO's `AcceptBackoffHandler` (2.101) holds back
/// only the reads that a channel asks for anew, and a read in which nothing could be accepted is still the old one.
package final class AcceptThrottle: ChannelInboundHandler {
    /// Accepted connections.
    package typealias InboundIn = any Channel
    /// The same.
    package typealias InboundOut = any Channel

    /// Long enough to cost nothing, and short enough for clients that wait.
    private static let pause = TimeAmount.milliseconds(500)
    /// How long sockets take to be closed, about.
    private static let closingPause = TimeAmount.milliseconds(5)
    private static let shortages: Set<CInt> = [EMFILE, ENFILE, ENOBUFS, ENOMEM]

    private let logger: Logger?
    private let accept: (any Channel) -> Bool
    private let isCrowded: () -> Bool
    private let notice: ShortageNotice
    private var isResting = false

    /// A rest that is told to a logger, if there is one.
    /// - Parameters:
    ///   - notice: what several listeners of a process have in common, so that one of them tells a shortage.
    ///   - isCrowded: whether so many sockets are to be closed that nothing more is to be accepted.
    ///   - accept: gives a connection its place; false where it has none, and is closed.
    package init(
        _ logger: Logger? = nil, notice: ShortageNotice = ShortageNotice(), isCrowded: @escaping () -> Bool = { false },
        accept: @escaping (any Channel) -> Bool = { _ in true }
    ) {
        self.logger = logger
        self.notice = notice
        self.isCrowded = isCrowded
        self.accept = accept
    }

    /// A connection was accepted.
    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if accept(unwrapInboundIn(data)) { context.fireChannelRead(data) }
        if isCrowded() { rest(context, Self.closingPause) }
    }

    /// None could be.
    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let shortage = error as? IOError, Self.shortages.contains(shortage.errnoCode) else { return context.fireErrorCaught(error) }
        if let logger, notice.isDue(at: context.eventLoop.now) {
            logger.info(
                "no room for another connection: raise the limit of descriptors (ulimit -n, LimitNOFILE)", metadata: ["error": "\(shortage)"])
        }
        rest(context, Self.pause)
    }

    private func rest(_ context: ChannelHandlerContext, _ pause: TimeAmount) {
        guard !isResting, let options = context.channel.syncOptions, (try? options.setOption(.autoRead, value: false)) != nil else { return }
        isResting = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: pause) {
            let (handler, context) = bound.value
            handler.isResting = false
            try? context.channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }
}
