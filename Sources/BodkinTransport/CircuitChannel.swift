import DequeModule
package import NIOCore

/// A circuit as a channel, so that TLS and sessions run on it as they do on a socket. Confined to its event loop.
///
/// The channel sends what is written in pieces, as far as the remote reader's credit reaches. Its writability bounds what waits for credit.
package final class CircuitChannel: Channel, ChannelCore, @unchecked Sendable {
    /// The longest piece of a circuit in one message.
    package static let maximumPieceSize = 16_384
    /// The reader gives credit in pieces of at most this size: fewer messages would save nothing more.
    private static let longestGrant = 32_768
    /// Above so many waiting bytes the channel is not writable.
    private static let highWatermark = 65_536

    /// What a circuit needs of the connection that it runs on.
    package struct Carrier {
        /// Takes what is written where it is part of the first flight, which travels in the Dial and needs no credit; false for everything else.
        package var takeEarly: (ByteBuffer) -> Bool
        /// Sends a piece.
        package var send: (ByteBuffer) -> Void
        /// Lets the remote peer send so many bytes more.
        package var grant: (Int) -> Void
        /// Says that the circuit is over.
        package var finish: () -> Void

        /// A carrier from its parts, which are called on the event loop.
        package init(
            takeEarly: @escaping (ByteBuffer) -> Bool = { _ in false }, send: @escaping (ByteBuffer) -> Void, grant: @escaping (Int) -> Void,
            finish: @escaping () -> Void
        ) {
            self.takeEarly = takeEarly
            self.send = send
            self.grant = grant
            self.finish = finish
        }
    }

    /// The event loop.
    package let eventLoop: any EventLoop
    /// The allocator.
    package let allocator = ByteBufferAllocator()
    private let carrier: Carrier
    private let closePromise: EventLoopPromise<Void>
    /// The window of each direction; nil before the server has told it.
    private var window: Int?
    private var credit = 0
    /// What has been read, and not been credited yet.
    private var consumed = 0
    private var waiting: Deque<(data: ByteBuffer, promise: EventLoopPromise<Void>?)> = []
    private var waitingByteCount = 0
    private var isOpen = true

    /// A circuit.
    /// - Parameters:
    ///   - window: how many bytes each direction carries before its reader gives credit; nil where ``open(window:)`` tells it later.
    package init(eventLoop: any EventLoop, window: Int?, carrier: Carrier) {
        self.eventLoop = eventLoop
        self.carrier = carrier
        closePromise = eventLoop.makePromise()
        if let window { open(window: window) }
    }

    /// Sets the window that the server has told, once: what waits for it goes out.
    package func open(window: Int) {
        guard self.window == nil else { return }
        self.window = window
        grant(window)
    }

    /// Begins: the handlers are in place.
    package func activate() {
        pipeline.fireChannelRegistered()
        pipeline.fireChannelActive()
    }

    /// A piece has arrived from the remote peer.
    /// - Parameter isCredited: whether it counts against the credit; the first flight, which travels in Dial and Meet, does not.
    package func receive(_ data: ByteBuffer, isCredited: Bool = true) {
        guard isOpen else { return }
        pipeline.fireChannelRead(data)
        pipeline.fireChannelReadComplete()
        // Sessions bound what they hold by their own windows; the circuit's credit bounds only what is on its way.
        guard isOpen, isCredited else { return }
        consumed += data.readableBytes
        // Half a window at the latest, so that the sender never waits for what the reader keeps back.
        guard consumed >= min(Self.longestGrant, max((window ?? 0) / 2, 1)) else { return }
        carrier.grant(consumed)
        consumed = 0
    }

    /// The remote peer lets us send so many bytes more.
    package func grant(_ bytes: Int) {
        let wasWritable = isWritable
        credit = min(credit + max(bytes, 0), Int(UInt32.max))
        sendWaiting()
        if isOpen, isWritable, !wasWritable { pipeline.fireChannelWritabilityChanged() }
    }

    /// The remote peer, or the server, has ended the circuit.
    package func endByPeer() { end(tellingPeer: false, error: ChannelError.eof) }

    // MARK: Channel

    /// The future of its end.
    package var closeFuture: EventLoopFuture<Void> { closePromise.futureResult }
    /// The pipeline. It holds the channel until its handlers are removed, and another one would hold it for ever.
    package private(set) lazy var pipeline = ChannelPipeline(channel: self)
    /// None: a circuit has no transport address.
    package var localAddress: SocketAddress? { nil }
    /// None: a circuit has no transport address.
    package var remoteAddress: SocketAddress? { nil }
    /// None.
    package var parent: (any Channel)? { nil }
    /// Whether little enough waits for credit.
    package var isWritable: Bool { waitingByteCount < Self.highWatermark }
    /// Whether the circuit has not ended.
    package var isActive: Bool { isOpen }
    /// The channel itself.
    package var _channelCore: any ChannelCore { self }
    /// Options do nothing here.
    package func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        eventLoop.makeSucceededVoidFuture()
    }
    /// Only what every channel has.
    package func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        (true as? Option.Value).map { eventLoop.makeSucceededFuture($0) } ?? eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    // MARK: ChannelCore

    /// None.
    package func localAddress0() throws -> SocketAddress { throw ChannelError.unknownLocalAddress }
    /// None.
    package func remoteAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }
    /// Nothing is to be done.
    package func register0(promise: EventLoopPromise<Void>?) { promise?.succeed() }
    /// Nothing is to be done.
    package func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) { promise?.succeed() }
    /// Refused: a circuit is not bound.
    package func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) { promise?.fail(ChannelError.operationUnsupported) }
    /// Refused: a circuit is connected from the start.
    package func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) { promise?.fail(ChannelError.operationUnsupported) }
    /// Takes bytes to send at the next flush.
    package func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard isOpen else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        var rest = unwrapData(data, as: ByteBuffer.self)
        if waiting.isEmpty, carrier.takeEarly(rest) {
            promise?.succeed()
            return
        }
        while rest.readableBytes > Self.maximumPieceSize, let piece = rest.readSlice(length: Self.maximumPieceSize) { enqueue(piece, nil) }
        enqueue(rest, promise)
    }
    /// Sends what was written, as far as the credit reaches.
    package func flush0() { sendWaiting() }
    /// Nothing is to be done: what arrives is read at once.
    package func read0() {}
    /// Ends the circuit.
    package func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .all else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        end(tellingPeer: true, error: error)
        promise?.succeed()
    }
    /// There are no events.
    package func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) { promise?.succeed() }
    /// What no handler took.
    package func channelRead0(_ data: NIOAny) {}
    /// What no handler took.
    package func errorCaught0(error: any Error) {}

    // MARK: Inside

    private func enqueue(_ data: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        waitingByteCount += data.readableBytes
        waiting.append((data, promise))
    }

    private func sendWaiting() {
        while isOpen, var item = waiting.popFirst() {
            let piece = item.data.readSlice(length: min(credit, item.data.readableBytes)) ?? ByteBuffer()
            credit -= piece.readableBytes
            waitingByteCount -= piece.readableBytes
            let isDone = item.data.readableBytes == 0
            // All is in order before anything is sent: that may end the circuit, where the link breaks at it.
            if !isDone { waiting.prepend(item) }
            if piece.readableBytes > 0 { carrier.send(piece) }
            guard isDone else { break }
            item.promise?.succeed()
        }
    }

    private func end(tellingPeer: Bool, error: any Error) {
        guard isOpen else { return }
        isOpen = false
        if tellingPeer { carrier.finish() }
        for item in waiting { item.promise?.fail(error) }
        waiting = []
        waitingByteCount = 0
        pipeline.fireChannelInactive()
        pipeline.fireChannelUnregistered()
        closePromise.succeed()
        eventLoop.execute { [self] in removeHandlers(pipeline: pipeline) }
    }
}
