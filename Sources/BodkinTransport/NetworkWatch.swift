import BodkinSystem
package import NIOCore
import NIOPosix

/// Tells when the network may have changed: interfaces, addresses, routes, or the machine has slept. Without polling; confined to its event loop, whose thread's
/// network it is.
package final class NetworkWatch {
    /// What may have changed.
    package enum Change: Sendable {
        /// Interfaces, addresses or routes.
        case network
        /// The clock has been set, as at the end of a suspension.
        case clock
    }

    /// Changes so close together are told once.
    private static let span = TimeAmount.milliseconds(20)
    /// How often the network is looked at where the system tells nothing, as a service without AF_NETLINK is told nothing.
    private static let pollInterval = TimeAmount.seconds(5)

    private let eventLoop: any EventLoop
    private let onChange: (Change) -> Void
    private var channels: [any Channel] = []
    private var pending: Set<Change> = []
    private var poll: RepeatedTask?
    private var isClosed = false

    /// Watches from now on. `onChange` is called on the event loop, never from inside this.
    package init(on eventLoop: any EventLoop, onChange: @escaping (Change) -> Void) {
        self.eventLoop = eventLoop
        self.onChange = onChange
        watch(.network)
        watch(.clock)
    }

    /// Watches no more.
    package func close() {
        isClosed = true
        poll?.cancel()
        for channel in channels { channel.close(promise: nil) }
        channels = []
    }

    private func watch(_ change: Change) {
        guard !isClosed else { return }
        guard let descriptor = change == .network ? SystemEvents.network() : SystemEvents.clock() else {
            if change == .network { pollNetwork() }
            return
        }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let watching = NIOPipeBootstrap(group: eventLoop)
            .channelInitializer { channel in
                eventLoopHandler(channel) { bound.value.noticed(change) }
            }
            .takingOwnershipOfDescriptor(input: descriptor)
        watching.assumeIsolated().whenComplete { result in
            // What cannot be watched is found out by silence, as where there is nothing to watch.
            guard case .success(let channel) = result else { return }
            guard !self.isClosed else { return channel.close(promise: nil) }
            self.channels.append(channel)
            // Told by an error, too: the clock always, the network where more has changed than the socket could hold.
            channel.closeFuture.assumeIsolated().whenComplete { [weak self, unowned channel] _ in
                guard let self, !self.isClosed else { return }
                self.channels.removeAll { $0 === channel }
                self.noticed(change)
                self.watch(change)
            }
        }
    }

    private func pollNetwork() {
        guard poll == nil else { return }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        poll = eventLoop.scheduleRepeatedTask(initialDelay: Self.pollInterval, delay: Self.pollInterval) { _ in bound.value.noticed(.network) }
    }

    private func noticed(_ change: Change) {
        guard !isClosed, pending.insert(change).inserted else { return }
        eventLoop.assumeIsolated().scheduleTask(in: Self.span) { [weak self] in
            guard let self, !self.isClosed else { return }
            self.pending.remove(change)
            self.onChange(change)
        }
    }
}

private func eventLoopHandler(_ channel: any Channel, _ notice: @escaping @Sendable () -> Void) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(NoticeHandler(notice)) }
}

/// What was said is looked up afresh; that something was said is all that counts.
private final class NoticeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let notice: () -> Void

    init(_ notice: @escaping () -> Void) { self.notice = notice }

    func channelReadComplete(context: ChannelHandlerContext) { notice() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
