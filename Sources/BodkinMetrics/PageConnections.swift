package import NIOCore
import Synchronization

/// The connections to pages by HTTP: few at once. If there are more, the oldest is closed, so that an open one is no reason to refuse the next.
package final class PageConnections: Sendable {
    /// The most at once: a few monitors, each of which reads a page at a time.
    package static let limit = 64

    private struct State {
        var open: [any Channel] = []
        var closing = 0
    }

    private let state = Mutex(State())

    /// No connections.
    package init() {}

    /// Whether the number of sockets that wait to be closed forbids to accept more.
    package var isCrowded: Bool { state.withLock { $0.closing >= Self.limit } }

    /// The number of open connections.
    package var count: Int { state.withLock { $0.open.count } }

    /// Counts an accepted connection until it is closed. There is always room for the newest.
    package func accept(_ channel: any Channel) {
        let oldest = state.withLock { state -> (any Channel)? in
            state.open.append(channel)
            guard state.open.count > Self.limit else { return nil }
            state.closing += 1
            return state.open.removeFirst()
        }
        oldest?.close(promise: nil)
        channel.closeFuture.whenComplete { [self] _ in
            state.withLock { state in
                if let index = state.open.firstIndex(where: { $0 === channel }) { state.open.remove(at: index) } else { state.closing -= 1 }
            }
        }
    }
}

/// Counts the connections that a listener of pages accepts.
final class PageGate: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    private let pages = PageConnections()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        pages.accept(unwrapInboundIn(data))
        context.fireChannelRead(data)
        guard pages.isCrowded, let options = context.channel.syncOptions, (try? options.setOption(.autoRead, value: false)) != nil else { return }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .milliseconds(5)) { try? bound.value.channel.syncOptions?.setOption(.autoRead, value: true) }
    }
}
