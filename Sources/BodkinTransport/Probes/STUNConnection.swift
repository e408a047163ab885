import BodkinCore
import BodkinProtocols
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A TCP connection to a STUN server for several Binding requests, which the server's RST can end.
struct STUNConnection: Sendable {
    /// A byte that begins no STUN message (RFC 8489 section 5), so a server closes the connection.
    private static let invalidByte = ByteBuffer(bytes: [0xFF])

    private let channel: any Channel
    private let reader: NIOLoopBound<STUNStreamReader>

    /// The local port.
    var localPort: UInt16 { Endpoint(channel.localAddress)?.port ?? 0 }

    /// Connects from a local port; 0 is any port.
    static func open(
        to server: Endpoint, from localPort: UInt16 = 0, within timeout: TimeAmount, through gate: Gate, on eventLoop: any EventLoop
    ) async throws -> STUNConnection {
        let reader = try await eventLoop.submit { NIOLoopBound(STUNStreamReader(eventLoop), eventLoop: eventLoop) }.get()
        let channel = try await eventLoop.flatSubmit {
            // The probe sends a byte after the server's FIN.
            gate.connect(
                to: server, from: localPort, within: timeout, readsAtOnce: true, allowsHalfClosure: true, for: .server,
                configure: { try $0.pipeline.syncOperations.addHandler(reader.value) }
            ).always { if case .failure = $0 { reader.value.end() } }
        }.get()
        return STUNConnection(channel: channel, reader: reader)
    }

    /// Returns the local endpoint as the server sees it; nil if no answer comes in time.
    func mapped(within timeout: TimeAmount) async -> Endpoint? {
        let (channel, reader) = (channel, reader)
        return try? await channel.eventLoop.flatSubmit {
            let exchange = BindingExchange(configuration: .reliable(within: timeout), on: channel.eventLoop)
            reader.value.expect(exchange)
            exchange.start { channel.writeAndFlush(ByteBuffer(bytes: $0), promise: nil) }
            return exchange.response
        }.get().mapped
    }

    /// Makes the server's kernel send an RST: the server closes the connection at an invalid byte, and the kernel answers a later one with an RST (RFC 9293 section
    /// 3.10.7.4).
    /// - Returns: whether the RST has come. The connection has ended in any case.
    func provokeReset(within timeout: TimeAmount) async -> Bool {
        let (channel, reader) = (channel, reader)
        let hasCome = try? await channel.eventLoop.flatSubmit {
            let deadline = channel.eventLoop.scheduleTask(in: timeout) { reader.value.end() }
            reader.value.finished.futureResult.whenSuccess { channel.writeAndFlush(Self.invalidByte, promise: nil) }
            channel.writeAndFlush(Self.invalidByte, promise: nil)
            return reader.value.reset.futureResult.always { _ in
                deadline.cancel()
                channel.close(promise: nil)
            }
        }.get()
        return hasCome == true
    }

    /// Ends the connection by an RST of its own, so that the local port is free at once.
    func close() async {
        let channel = channel
        _ = try? await channel.eventLoop.flatSubmit {
            guard let provider = channel as? any SocketOptionProvider else { return channel.close() }
            return provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).flatMap { channel.close() }
        }.get()
    }
}

/// A channel handler that reads responses from a TCP connection, and reports how it ends.
final class STUNStreamReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    /// Succeeds when the server's FIN has come.
    let finished: EventLoopPromise<Void>
    /// Succeeds when the connection has ended, with true after an RST.
    let reset: EventLoopPromise<Bool>
    private var exchange: BindingExchange?
    private var framer = STUNFramer()
    private var hasFinished = false

    init(_ eventLoop: any EventLoop) {
        finished = eventLoop.makePromise()
        reset = eventLoop.makePromise()
    }

    /// Passes later messages to an exchange.
    func expect(_ exchange: BindingExchange) { self.exchange = exchange }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        // The probe ignores a server that sends something else than STUN.
        while let message = try? framer.next(from: &bytes) { exchange?.receive(message) { $0.local = Endpoint(context.channel.localAddress) } }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return }
        hasFinished = true
        finished.succeed()
    }

    /// An RST in place of a FIN.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reset.succeed((error as? IOError)?.errnoCode == ECONNRESET)
        context.close(promise: nil)
    }

    /// After the FIN, and without a close of its own, only an RST ends a connection so soon.
    func channelInactive(context: ChannelHandlerContext) { reset.succeed(hasFinished) }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    /// Ends the wait, or reports that the connection was never established.
    func end() {
        finished.fail(ChannelError.eof)
        reset.succeed(false)
        exchange?.fail(ChannelError.eof)
    }
}
