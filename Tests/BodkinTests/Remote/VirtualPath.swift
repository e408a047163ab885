import BodkinProtocols
import NIOCore
import NIOEmbedded

@testable import BodkinTransport

/// A path on a clock of its own: bytes arrive after a delay and in their order, or not at all.
final class VirtualPath {
    /// How long a byte is on its way.
    let delay: TimeAmount
    /// The two ends: the dialer's and the called side's.
    private(set) var ends: [(channel: EmbeddedChannel, path: Path)] = []
    /// What does not arrive at each end; a path that is silent for a while brings it later.
    private var held: [[ByteBuffer]?] = [nil, nil]
    /// How many pieces each end has written.
    private(set) var pieces = [0, 0]
    private let loop: EmbeddedEventLoop
    /// After what idle time a NAT on the way forgets the path silently.
    private let forgetsAfter: TimeAmount?
    private var lastUse: NIODeadline

    init(_ kind: PathKind, delay: TimeAmount, forgetsAfter: TimeAmount? = nil, on loop: EmbeddedEventLoop) throws {
        self.delay = delay
        self.loop = loop
        self.forgetsAfter = forgetsAfter
        lastUse = loop.now
        for end in 0..<2 {
            let channel = EmbeddedChannel(loop: loop)
            let path = Path(kind: kind, channel: channel, within: .seconds(10))
            try channel.pipeline.syncOperations.addHandlers(Tap(self, end), PathHandler(path) { nil })
            channel.connect(to: try SocketAddress(ipAddress: "192.0.2.1", port: 443), promise: nil)
            ends.append((channel, path))
        }
    }

    /// From now on nothing arrives at an end.
    func silence(towards end: Int) { held[end] = held[end] ?? [] }

    /// What did not arrive arrives, as TCP repeats it.
    func restore() {
        for end in 0..<2 {
            let pieces = held[end] ?? []
            held[end] = nil
            for bytes in pieces { arrive(bytes, at: end) }
        }
    }

    /// An RST reaches an end.
    func reset(_ end: Int) {
        let channel = ends[end].channel
        guard channel.isActive else { return }
        channel.pipeline.fireErrorCaught(IOError(errnoCode: 104, reason: "reset"))
    }

    fileprivate func sent(_ bytes: ByteBuffer, by end: Int) {
        pieces[end] += 1
        if let forgetsAfter, loop.now - lastUse >= forgetsAfter { for end in 0..<2 { silence(towards: end) } }
        lastUse = loop.now
        loop.assumeIsolated().scheduleTask(in: delay) { [self] in arrive(bytes, at: 1 - end) }
    }

    fileprivate func closed(by end: Int) {
        loop.assumeIsolated().scheduleTask(in: delay) { [self] in if held[1 - end] == nil { ends[1 - end].channel.close(promise: nil) } }
    }

    private func arrive(_ bytes: ByteBuffer, at end: Int) {
        guard held[end] == nil else { return held[end]?.append(bytes) ?? () }
        let channel = ends[end].channel
        // Nobody is there any more: the host says so, behind what it has sent before.
        guard channel.isActive else {
            loop.assumeIsolated().scheduleTask(in: delay) { [self] in if held[1 - end] == nil { reset(1 - end) } }
            return
        }
        channel.pipeline.fireChannelRead(bytes)
        channel.pipeline.fireChannelReadComplete()
    }
}

/// Takes what an end writes.
private final class Tap: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    private unowned let path: VirtualPath
    private let end: Int

    init(_ path: VirtualPath, _ end: Int) {
        self.path = path
        self.end = end
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        path.sent(unwrapOutboundIn(data), by: end)
        promise?.succeed()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        path.closed(by: end)
        context.close(mode: mode, promise: promise)
    }
}
