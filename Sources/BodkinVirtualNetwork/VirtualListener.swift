import BodkinCore
import BodkinTransport
import NIOCore

/// A listener of a virtual host: a channel that has an address and can be closed.
final class VirtualListener: Channel, ChannelCore, @unchecked Sendable {
    let port: UInt16
    let eventLoop: any EventLoop
    let allocator = ByteBufferAllocator()
    let accept: (any Channel) throws -> Void
    private weak var host: VirtualHost?
    private let address: IPAddress
    private let closePromise: EventLoopPromise<Void>
    private var isOpen = true

    init(_ port: UInt16, of host: VirtualHost, accept: @escaping (any Channel) throws -> Void) {
        (self.port, self.host, self.accept, eventLoop) = (port, host, accept, host.loop)
        address = host.addresses.first ?? .unspecified(.v4)
        closePromise = host.loop.makePromise()
    }

    /// Its host is gone with it.
    deinit { closePromise.succeed() }

    var closeFuture: EventLoopFuture<Void> { closePromise.futureResult }
    private(set) lazy var pipeline = ChannelPipeline(channel: self)
    var localAddress: SocketAddress? { try? SocketAddress(Endpoint(address, port)) }
    var remoteAddress: SocketAddress? { nil }
    var parent: (any Channel)? { nil }
    var isWritable: Bool { false }
    var isActive: Bool { isOpen }
    var _channelCore: any ChannelCore { self }
    func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> { eventLoop.makeSucceededVoidFuture() }
    func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }
    func localAddress0() throws -> SocketAddress { try SocketAddress(Endpoint(address, port)) }
    func remoteAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }
    func register0(promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) { promise?.fail(ChannelError.operationUnsupported) }
    func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) { promise?.fail(ChannelError.operationUnsupported) }
    func flush0() {}
    func read0() {}
    func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if isOpen {
            isOpen = false
            host?.close(self)
            closePromise.succeed()
            eventLoop.execute { [self] in removeHandlers(pipeline: pipeline) }
        }
        promise?.succeed()
    }
    func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func channelRead0(_ data: NIOAny) {}
    func errorCaught0(error: any Error) {}
}
