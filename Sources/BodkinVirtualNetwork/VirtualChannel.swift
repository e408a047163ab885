import BodkinCore
import BodkinTransport
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A ``VirtualTCP`` as a channel of NIO, with the socket options that peers and servers use. Confined to its event loop.
final class VirtualChannel: Channel, ChannelCore, SocketOptionProvider, @unchecked Sendable {
    private static let highWatermark = 262_144

    let eventLoop: any EventLoop
    let allocator = ByteBufferAllocator()
    private(set) var tcp: VirtualTCP
    private unowned let host: VirtualHost
    private let closePromise: EventLoopPromise<Void>
    private var connectPromise: EventLoopPromise<any Channel>?
    private var isOpen = true
    private var isUp = false
    private var autoRead: Bool
    private var wantsRead = false
    private var unread: [[UInt8]] = []
    private var isEndUnread = false
    private var unflushed: [(ByteBuffer, EventLoopPromise<Void>?)] = []
    private var wasWritable = true
    /// When the state machine is looked at next. Such tasks are never cancelled: that would take the embedded loop a scan of all that there are.
    private var wakesAt: Instant?
    private var hopLimit: UInt8 = 64
    private var aborts = false

    /// A connection that is begun, or answered: nothing is sent before ``begin(within:)``.
    init(_ tcp: VirtualTCP, of host: VirtualHost, autoRead: Bool) {
        self.tcp = tcp
        self.host = host
        self.autoRead = autoRead
        eventLoop = host.loop
        closePromise = host.loop.makePromise()
    }

    /// Its host is gone, and it was never up.
    deinit { closePromise.succeed() }

    /// Sends the first segment. The result comes when the connection is up.
    func begin(within limit: TimeAmount?) -> EventLoopFuture<any Channel> {
        let promise = eventLoop.makePromise(of: (any Channel).self)
        guard isOpen else {
            promise.fail(ChannelError.ioOnClosedChannel)
            return promise.futureResult
        }
        connectPromise = promise
        if let limit {
            eventLoop.assumeIsolated().scheduleTask(in: limit) { [weak self] in if let self, !isUp { fail(ChannelError.connectTimeout(limit)) } }
        }
        follow()
        return promise.futureResult
    }

    func receive(_ segment: VirtualSegment) {
        tcp.receive(segment, at: host.now)
        follow()
    }

    /// An ICMP error has come.
    func unreachable(_ error: CInt) { if tcp.unreachable() { fail(IOError(errnoCode: error, reason: "connect")) } }

    /// Does what the state machine asks for.
    private func follow() {
        let segments = tcp.segments
        tcp.segments = []
        for segment in segments { host.send(segment) }
        let events = tcp.events
        tcp.events = []
        for event in events { handle(event) }
        if tcp.state == .closed {
            host.forget(self)
            // Nobody has answered the last repetition.
            return isOpen ? fail(IOError(errnoCode: ETIMEDOUT, reason: "connect")) : ()
        }
        wakeInTime()
        if isOpen, isUp, isWritable != wasWritable {
            wasWritable = isWritable
            pipeline.fireChannelWritabilityChanged()
        }
    }

    /// The system ends the connection of a program that is no more: nobody is left to hear of it.
    func endForProgram() {
        tcp.close(at: host.now)
        for segment in tcp.segments { host.send(segment) }
        tcp.segments = []
    }

    private func wakeInTime() {
        guard let deadline = tcp.deadline, wakesAt.map({ deadline < $0 }) ?? true else { return }
        wakesAt = deadline
        eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(max(deadline - host.now, .zero)) + .nanoseconds(1)) { [self] in
            guard wakesAt == deadline else { return }
            wakesAt = nil
            tcp.timeout(at: host.now)
            follow()
        }
    }

    private func handle(_ event: VirtualTCP.Event) {
        switch event {
        case .connected: connected()
        case .received(let bytes):
            guard isOpen else { return abort() }
            unread.append(bytes)
            deliver()
        case .ended:
            isEndUnread = true
            deliver()
        case .reset(let isRefused):
            if isUp, isOpen { pipeline.fireErrorCaught(IOError(errnoCode: ECONNRESET, reason: "read")) }
            fail(IOError(errnoCode: isRefused ? ECONNREFUSED : ECONNRESET, reason: "connect"))
        }
    }

    private func connected() {
        guard isOpen else { return abort() }
        isUp = true
        if tcp.isPassive { host.accept(self) }
        guard isOpen else { return }
        pipeline.fireChannelRegistered()
        pipeline.fireChannelActive()
        connectPromise?.succeed(self)
        connectPromise = nil
        if autoRead { read0() }
    }

    private func deliver() {
        guard isOpen, isUp, wantsRead, !unread.isEmpty || isEndUnread else { return }
        wantsRead = false
        let pieces = unread
        unread = []
        for piece in pieces where isOpen { pipeline.fireChannelRead(ByteBuffer(bytes: piece)) }
        if !pieces.isEmpty, isOpen { pipeline.fireChannelReadComplete() }
        guard isOpen else { return }
        if isEndUnread, unread.isEmpty { return end(ChannelError.eof) { $0.closeAfterEnd(at: $1) } }
        if autoRead { pipeline.read() }
    }

    /// Ends with its host, without a word.
    func endWithHost() { end(ChannelError.eof) { tcp, _ in tcp.abort() } }

    private func abort() { end(ChannelError.eof) { tcp, _ in tcp.abort() } }

    private func fail(_ error: any Error) { end(error) { tcp, _ in if tcp.state != .closed { tcp.abort() } } }

    /// Ends the channel; the connection goes on as far as `close` leaves it.
    private func end(_ error: any Error, _ close: (inout VirtualTCP, Instant) -> Void) {
        close(&tcp, host.now)
        guard isOpen else { return follow() }
        isOpen = false
        for (_, promise) in unflushed { promise?.fail(error) }
        unflushed = []
        let promise = connectPromise
        connectPromise = nil
        follow()
        promise?.fail(error)
        if isUp {
            pipeline.fireChannelInactive()
            pipeline.fireChannelUnregistered()
        }
        closePromise.succeed()
        eventLoop.execute { [self] in removeHandlers(pipeline: pipeline) }
    }

    // MARK: Socket options

    func unsafeSetSocketOption<Value: Sendable>(
        level: SocketOptionLevel, name: SocketOptionName, value: Value
    ) -> EventLoopFuture<Void> {
        switch value {
        case let hops as CInt where level != SocketOptionLevel(NIOBSDSocket.OptionLevel.tcp.rawValue): hopLimit = UInt8(clamping: hops)
        case let value as linger: aborts = value.l_onoff != 0 && value.l_linger == 0
        default: break
        }
        return eventLoop.makeSucceededVoidFuture()
    }

    func unsafeSetSocketOption<Value: Sendable>(
        level: NIOBSDSocket.OptionLevel, name: NIOBSDSocket.Option, value: Value
    ) -> EventLoopFuture<Void> {
        unsafeSetSocketOption(level: SocketOptionLevel(level.rawValue), name: SocketOptionName(name.rawValue), value: value)
    }

    func unsafeGetSocketOption<Value: Sendable>(level: NIOBSDSocket.OptionLevel, name: NIOBSDSocket.Option) -> EventLoopFuture<Value> {
        unsafeGetSocketOption(level: SocketOptionLevel(level.rawValue), name: SocketOptionName(name.rawValue))
    }

    /// TCP_INFO as Linux lays it out, as far as anybody here reads it.
    func unsafeGetSocketOption<Value: Sendable>(level: SocketOptionLevel, name: SocketOptionName) -> EventLoopFuture<Value> {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 16)
        defer { bytes.deallocate() }
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        func silence(since time: Instant) -> UInt32 { UInt32(clamping: Int64((host.now - time) / .milliseconds(1))) }
        let roundTrip = UInt32(clamping: Int64((tcp.roundTrip ?? .zero) / .microseconds(1)))
        bytes.storeBytes(of: [.synSent: 2, .synReceived: 3, .open: 1][tcp.state] ?? 7, as: UInt8.self)
        bytes.storeBytes(of: UInt32(VirtualSegment.largestPayload), toByteOffset: 16, as: UInt32.self)
        bytes.storeBytes(of: UInt32(tcp.segmentsUnderWay), toByteOffset: 24, as: UInt32.self)
        bytes.storeBytes(of: silence(since: tcp.dataAt), toByteOffset: 52, as: UInt32.self)
        bytes.storeBytes(of: silence(since: tcp.heardAt), toByteOffset: 56, as: UInt32.self)
        bytes.storeBytes(of: roundTrip, toByteOffset: 68, as: UInt32.self)
        bytes.storeBytes(of: tcp.acknowledgedBytes, toByteOffset: 120, as: UInt64.self)
        bytes.storeBytes(of: roundTrip, toByteOffset: 148, as: UInt32.self)
        guard MemoryLayout<Value>.size <= bytes.count, let base = bytes.baseAddress else {
            return eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        return eventLoop.makeSucceededFuture(base.assumingMemoryBound(to: Value.self).pointee)
    }

    // MARK: Channel

    var closeFuture: EventLoopFuture<Void> { closePromise.futureResult }
    private(set) lazy var pipeline = ChannelPipeline(channel: self)
    var localAddress: SocketAddress? { try? SocketAddress(tcp.local) }
    var remoteAddress: SocketAddress? { try? SocketAddress(tcp.remote) }
    var parent: (any Channel)? { nil }
    var isWritable: Bool { isOpen && tcp.outstanding < Self.highWatermark }
    var isActive: Bool { isOpen && isUp }
    var _channelCore: any ChannelCore { self }

    func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        if option is ChannelOptions.Types.AutoReadOption, let value = value as? Bool {
            let wasRead = autoRead
            autoRead = value
            if value, !wasRead, isUp { pipeline.read() }
        }
        return eventLoop.makeSucceededVoidFuture()
    }

    func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        (autoRead as? Option.Value).map { eventLoop.makeSucceededFuture($0) } ?? eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    // MARK: ChannelCore

    func localAddress0() throws -> SocketAddress { try SocketAddress(tcp.local) }
    func remoteAddress0() throws -> SocketAddress { try SocketAddress(tcp.remote) }
    func register0(promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) { promise?.fail(ChannelError.operationUnsupported) }
    func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) { promise?.fail(ChannelError.operationUnsupported) }
    func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard isOpen else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        unflushed.append((unwrapData(data, as: ByteBuffer.self), promise))
    }
    func flush0() {
        guard isOpen else { return }
        let pieces = unflushed
        unflushed = []
        for (piece, _) in pieces { tcp.write(Array(piece.readableBytesView), at: host.now) }
        follow()
        for (_, promise) in pieces { promise?.succeed() }
    }
    func read0() {
        wantsRead = true
        if !unread.isEmpty || isEndUnread { eventLoop.execute { [self] in deliver() } }
    }
    func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .all else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        let (aborts, hopLimit, ended) = (aborts, hopLimit, isEndUnread)
        end(error) { tcp, now in
            if aborts { tcp.abort(hopLimit: hopLimit) } else if ended { tcp.closeAfterEnd(at: now) } else { tcp.close(at: now) }
        }
        promise?.succeed()
    }
    func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func channelRead0(_ data: NIOAny) {}
    func errorCaught0(error: any Error) {}
}
