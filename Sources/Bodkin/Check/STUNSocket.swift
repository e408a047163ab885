import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore
import NIOPosix

/// A UDP socket that asks STUN endpoints, one after another.
struct STUNSocket: Sendable {
    /// When a question is asked again (RFC 8489 section 6.2.1, with a shorter RTO: a check should not take half a minute to find UDP blocked).
    private static let repetitions: [TimeAmount] = [.zero, .milliseconds(300), .milliseconds(900), .milliseconds(2100)]

    /// The local endpoint; nil where the system does not tell.
    let local: Endpoint?
    private let channel: any Channel
    private let reader: NIOLoopBound<STUNDatagramReader>

    /// Opens a socket with the address that the system would use towards `server`.
    static func open(towards server: Endpoint, on eventLoop: any EventLoop) async throws -> STUNSocket {
        // A connected socket is told its address; the one that asks may not be connected, as it asks several.
        let guide = try await bind(Endpoint(.unspecified(server.address.family), 0), on: eventLoop, nil)
        try await guide.connect(to: SocketAddress(server)).get()
        let address = Endpoint(guide.localAddress)?.address
        guide.close(promise: nil)
        let reader = try await eventLoop.submit { NIOLoopBound(STUNDatagramReader(), eventLoop: eventLoop) }.get()
        let own = Endpoint(address ?? .unspecified(server.address.family), 0)
        let channel = try await bind(own, on: eventLoop, reader)
        return STUNSocket(local: Endpoint(channel.localAddress), channel: channel, reader: reader)
    }

    /// Asks one endpoint.
    func ask(_ server: Endpoint) async throws -> STUNAnswer {
        let request = STUNMessage.bindingRequest()
        let address = try SocketAddress(server)
        let channel = channel
        let reader = reader
        return try await channel.eventLoop.flatSubmit {
            let promise = channel.eventLoop.makePromise(of: STUNAnswer.self)
            reader.value.expect(request.transactionID, promise)
            let sending = Self.repetitions.map { delay in
                channel.eventLoop.scheduleTask(in: delay) {
                    channel.writeAndFlush(AddressedEnvelope(remoteAddress: address, data: ByteBuffer(bytes: request.bytes)), promise: nil)
                }
            }
            let deadline = channel.eventLoop.scheduleTask(in: NetworkCheck.patience) {
                promise.fail(ChannelError.connectTimeout(NetworkCheck.patience))
            }
            return promise.futureResult.always { _ in
                deadline.cancel()
                for task in sending { task.cancel() }
            }
        }.get()
    }

    /// Closes it.
    func close() { channel.close(promise: nil) }

    private static func bind(
        _ local: Endpoint, on eventLoop: any EventLoop, _ reader: NIOLoopBound<STUNDatagramReader>?
    ) async throws -> any Channel {
        let address = try SocketAddress(local)
        // On the event loop, since the network that a socket is in may be that of its thread.
        return try await eventLoop.flatSubmit {
            DatagramBootstrap(group: eventLoop).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { if let reader { try channel.pipeline.syncOperations.addHandler(reader.value) } }
            }.bind(to: address)
        }.get()
    }
}

/// Reads answers.
final class STUNDatagramReader: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private var expected: (STUNMessage.TransactionID, EventLoopPromise<STUNAnswer>)?

    /// Gives the answer to a question to the promise.
    func expect(_ transaction: STUNMessage.TransactionID, _ promise: EventLoopPromise<STUNAnswer>) { expected = (transaction, promise) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let datagram = unwrapInboundIn(data)
        guard let (transaction, promise) = expected, let message = try? STUNMessage(Array(buffer: datagram.data)),
            let answer = STUNAnswer(message, to: transaction, at: Endpoint(context.channel.localAddress))
        else { return }
        expected = nil
        promise.succeed(answer)
    }

    /// An ICMP error: silence and refusal are the same here.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    func channelInactive(context: ChannelHandlerContext) { expected?.1.fail(ChannelError.eof) }
}
