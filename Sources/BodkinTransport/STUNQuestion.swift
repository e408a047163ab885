package import BodkinCore
package import BodkinProtocols
package import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// One question to a STUN server over TCP (RFC 8489 section 6.2.2), from a local port of one's choice: what a NAT makes of it.
///
/// ```swift
/// let answer = try await loop.flatSubmit { STUNQuestion(to: server).ask(within: .seconds(3), on: loop) }.get()
/// print(answer.mapped)
/// ```
package struct STUNQuestion: Hashable, Sendable {
    /// The server's endpoint.
    package var destination: Endpoint
    /// The local port; 0 for any. Never the reserved one: its mapping is for peers.
    package var localPort: UInt16
    /// The interface to leave by; nil for the one that the system's routes name.
    package var interface: String?

    /// A question from its parts.
    package init(to destination: Endpoint, from localPort: UInt16 = 0, by interface: String? = nil) {
        self.destination = destination
        self.localPort = localPort
        self.interface = interface
    }

    /// Connects and asks. Whoever has the answer closes the connection (``STUNAnswer/close()``): a mapping may go with its last session.
    ///
    /// To be called on the event loop: the network that a socket is in may be that of its thread.
    /// - Throws: the connection's error, or `ChannelError.eof` where no answer came in time.
    package func ask(within patience: TimeAmount, of system: any HostSystem = KernelSystem(), on eventLoop: any EventLoop) -> EventLoopFuture<
        STUNAnswer
    > {
        let request = STUNMessage.bindingRequest()
        let promise = eventLoop.makePromise(of: STUNAnswer.self)
        let asked = eventLoop.now
        let connecting = system.connect(
            ConnectRequest(to: destination, from: localPort, by: interface, within: patience, readsAtOnce: true), on: eventLoop,
            configure: NIOLoopBound(
                { try $0.pipeline.syncOperations.addHandler(STUNAnswerReader(request.transactionID, promise, asked: asked)) }, eventLoop: eventLoop))
        connecting.assumeIsolated().whenComplete { result in
            switch result {
            case .failure(let error): promise.fail(error)
            case .success(let channel):
                let deadline = eventLoop.assumeIsolated().scheduleTask(in: patience) { channel.close(promise: nil) }
                promise.futureResult.assumeIsolated().whenComplete { _ in deadline.cancel() }
                channel.writeAndFlush(ByteBuffer(bytes: request.bytes), promise: nil)
            }
        }
        return promise.futureResult
    }
}

/// What a STUN server answered.
package struct STUNAnswer: Sendable {
    /// Where the question came from, here.
    package var local: Endpoint?
    /// Where it came from, as the server sees it.
    package var mapped: Endpoint
    /// The server's second address and port.
    package var other: Endpoint?
    /// When the SYN was sent.
    package var asked = NIODeadline.distantPast
    /// When the answer came.
    package var answered = NIODeadline.distantPast
    /// Where the answer came from, over UDP: CHANGE-REQUEST may have it come from elsewhere (RFC 5780 section 7.2).
    package var source: Endpoint?
    /// The connection that it came over; nil for UDP.
    var connection: (any Channel)?

    /// The answer in a message; nil where it is none to this question.
    package init?(_ message: STUNMessage, to transaction: STUNMessage.TransactionID, at local: Endpoint?) {
        guard message.transactionID == transaction, message.class == .success,
            let mapped = try? message.attribute(STUNMessage.XORMappedAddress.self)?.endpoint
        else { return nil }
        self.local = local
        self.mapped = mapped
        other = (try? message.attribute(STUNMessage.OtherAddress.self))?.endpoint
    }

    /// Ends the connection by an RST, so that neither the local port nor the NAT's table is taken up for longer. On the event loop.
    package func close() {
        guard let connection else { return }
        guard let provider = connection as? any SocketOptionProvider else { return connection.close(promise: nil) }
        provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).assumeIsolated().whenComplete { _ in connection.close(promise: nil) }
    }
}

/// Reads one answer from a TCP connection.
private final class STUNAnswerReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let transaction: STUNMessage.TransactionID
    private let promise: EventLoopPromise<STUNAnswer>
    private let asked: NIODeadline
    private var framer = STUNFramer()

    init(_ transaction: STUNMessage.TransactionID, _ promise: EventLoopPromise<STUNAnswer>, asked: NIODeadline) {
        self.transaction = transaction
        self.promise = promise
        self.asked = asked
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        do {
            while let message = try framer.next(from: &bytes) {
                guard var answer = STUNAnswer(message, to: transaction, at: Endpoint(context.channel.localAddress)) else { continue }
                answer.asked = asked
                answer.answered = context.eventLoop.now
                answer.connection = context.channel
                promise.succeed(answer)
            }
        } catch {
            promise.fail(error)
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }
}
