import BodkinCore
import BodkinProtocols
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A TCP connection to a STUN endpoint that is asked more than once, or made to end by an RST from the far side.
struct STUNConnection: Sendable {
    /// No STUN message begins with it (RFC 8489 section 5), so that a server closes.
    private static let nonsense = ByteBuffer(bytes: [0xFF])

    private let channel: any Channel
    private let reader: NIOLoopBound<STUNStreamReader>

    /// The local port.
    var localPort: UInt16 { Endpoint(channel.localAddress)?.port ?? 0 }

    /// Connects, from a local port of one's choice, or any.
    static func open(
        to server: Endpoint, from localPort: UInt16 = 0, within patience: TimeAmount, on eventLoop: any EventLoop
    ) async throws -> STUNConnection {
        let reader = try await eventLoop.submit { NIOLoopBound(STUNStreamReader(eventLoop), eventLoop: eventLoop) }.get()
        let channel = try await eventLoop.flatSubmit {
            eventLoop.makeCompletedFuture {
                (try SocketAddress(Endpoint(.unspecified(server.address.family), localPort)), try SocketAddress(server))
            }.flatMap { local, remote in
                ClientBootstrap(group: eventLoop)
                    .channelOption(SocketOptions.reuseAddress, value: 1)
                    .channelOption(SocketOptions.reusePort, value: 1)
                    // After the far side's FIN there is something to be sent.
                    .channelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
                    .connectTimeout(patience)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(reader.value) }
                    }
                    .bind(to: local).connect(to: remote)
            }.always { if case .failure = $0 { reader.value.end() } }
        }.get()
        return STUNConnection(channel: channel, reader: reader)
    }

    /// What the server sees; nil where no answer comes in time.
    func ask(within patience: TimeAmount) async -> Endpoint? {
        let (channel, reader) = (channel, reader)
        return try? await channel.eventLoop.flatSubmit {
            let exchange = BindingExchange(configuration: .reliable(within: patience), on: channel.eventLoop)
            reader.value.expect(exchange)
            exchange.start { channel.writeAndFlush(ByteBuffer(bytes: $0), promise: nil) }
            return exchange.response
        }.get().mapped
    }

    /// Has the far side's system answer by an RST: it closes at what makes no sense, and what comes after that is for nobody (RFC 9293 section 3.10.7.4).
    /// - Returns: whether the RST has come. The connection is over in any case.
    func provokeReset(within patience: TimeAmount) async -> Bool {
        let (channel, reader) = (channel, reader)
        let hasCome = try? await channel.eventLoop.flatSubmit {
            let deadline = channel.eventLoop.scheduleTask(in: patience) { reader.value.end() }
            reader.value.finished.futureResult.whenSuccess { channel.writeAndFlush(Self.nonsense, promise: nil) }
            channel.writeAndFlush(Self.nonsense, promise: nil)
            return reader.value.reset.futureResult.always { _ in
                deadline.cancel()
                channel.close(promise: nil)
            }
        }.get()
        return hasCome == true
    }

    /// Ends it by an RST of our own, so that the local port is free at once.
    func close() async {
        let channel = channel
        _ = try? await channel.eventLoop.flatSubmit {
            guard let provider = channel as? any SocketOptionProvider else { return channel.close() }
            return provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).flatMap { channel.close() }
        }.get()
    }
}

/// Reads answers from a TCP connection, and sees how it ends.
final class STUNStreamReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    /// The far side's FIN has come.
    let finished: EventLoopPromise<Void>
    /// It is over: whether by an RST.
    let reset: EventLoopPromise<Bool>
    private var exchange: BindingExchange?
    private var framer = STUNFramer()
    private var hasFinished = false

    init(_ eventLoop: any EventLoop) {
        finished = eventLoop.makePromise()
        reset = eventLoop.makePromise()
    }

    /// Hands what comes to a transaction.
    func expect(_ exchange: BindingExchange) { self.exchange = exchange }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        // A server that answers what is no STUN tells nothing.
        while let message = try? framer.next(from: &bytes) { exchange?.receive(message) { $0.local = Endpoint(context.channel.localAddress) } }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return }
        hasFinished = true
        finished.succeed()
    }

    /// An RST in the place of a FIN.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reset.succeed((error as? IOError)?.errnoCode == ECONNRESET)
        context.close(promise: nil)
    }

    /// After the FIN, and unless we close, only an RST ends a connection so soon.
    func channelInactive(context: ChannelHandlerContext) { reset.succeed(hasFinished) }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    /// Nothing more is waited for, or the connection has never come up.
    func end() {
        finished.fail(ChannelError.eof)
        reset.succeed(false)
        exchange?.fail(ChannelError.eof)
    }
}
