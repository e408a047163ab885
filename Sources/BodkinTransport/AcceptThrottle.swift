import BodkinSystem
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
    private let most: Int?
    private let isCrowded: () -> Bool
    private let notice: ShortageNotice
    private var isResting = false
    /// How many connections a turn may accept now; nil before the first one.
    private var present: Int?

    /// A rest that is told to a logger, if there is one.
    /// - Parameters:
    ///   - notice: what several listeners of a process have in common, so that one of them tells a shortage.
    ///   - most: how many connections a turn may accept, where the last descriptors are to be kept; nil where the channel has no sockets.
    ///   - isCrowded: whether so many sockets are to be closed that nothing more is to be accepted.
    ///   - accept: gives a connection its place; false where it has none, and is closed.
    package init(
        _ logger: Logger? = nil, notice: ShortageNotice = ShortageNotice(), upTo most: Int? = nil, isCrowded: @escaping () -> Bool = { false },
        accept: @escaping (any Channel) -> Bool = { _ in true }
    ) {
        self.logger = logger
        self.most = most
        self.notice = notice
        self.isCrowded = isCrowded
        self.accept = accept
    }

    /// It listens.
    package func channelActive(context: ChannelHandlerContext) {
        leaveReserve(context)
        context.fireChannelActive()
    }

    /// A connection was accepted.
    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if accept(unwrapInboundIn(data)) { context.fireChannelRead(data) }
        if isCrowded() { rest(context, Self.closingPause) }
    }

    /// Some were, in one turn: the next one takes no more than there is room for.
    package func channelReadComplete(context: ChannelHandlerContext) {
        leaveReserve(context)
        context.fireChannelReadComplete()
    }

    /// Lets a turn accept a part of what is left, because it cannot be stopped, and other sockets are opened beside it; with nothing left there is no turn.
    private func leaveReserve(_ context: ChannelHandlerContext) {
        guard let most, let options = context.channel.syncOptions else { return }
        let room = DescriptorReserve.room
        if room == 0 { return lack(context, "the last \(DescriptorReserve.size) descriptors are kept") }
        let count = min(most, max(room / 4, 1))
        guard count != present else { return }
        present = count
        try? options.setOption(.maxMessagesPerRead, value: UInt(count))
    }

    /// None could be.
    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let shortage = error as? IOError, Self.shortages.contains(shortage.errnoCode) else { return context.fireErrorCaught(error) }
        lack(context, "\(shortage)")
    }

    private func lack(_ context: ChannelHandlerContext, _ reason: String) {
        if let logger, notice.isDue(at: context.eventLoop.now) {
            logger.info("no room for another connection: raise the limit of descriptors (ulimit -n, LimitNOFILE)", metadata: ["error": "\(reason)"])
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
            handler.leaveReserve(context)
            guard !handler.isResting else { return }
            try? context.channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }
}
