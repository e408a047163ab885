import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore
import NIOPosix

/// A UDP socket that asks STUN endpoints, also several at once.
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
        return try await open(at: Endpoint(address ?? .unspecified(server.address.family), 0), on: eventLoop)
    }

    /// Opens a socket at a local endpoint.
    static func open(at local: Endpoint, on eventLoop: any EventLoop) async throws -> STUNSocket {
        let reader = try await eventLoop.submit { NIOLoopBound(STUNDatagramReader(), eventLoop: eventLoop) }.get()
        let channel = try await bind(local, on: eventLoop, reader)
        return STUNSocket(local: Endpoint(channel.localAddress), channel: channel, reader: reader)
    }

    /// Asks one endpoint, and again where no answer comes.
    func ask(
        _ server: Endpoint, changing change: STUNMessage.ChangeRequest? = nil, within patience: TimeAmount = NetworkCheck.patience
    ) async throws -> STUNAnswer {
        try await channel.eventLoop.flatSubmit { question(to: server, changing: change, at: Self.repetitions, within: patience) }.get()
    }

    /// Asks one endpoint once. On the event loop.
    func askOnce(_ server: Endpoint, within patience: TimeAmount) -> EventLoopFuture<STUNAnswer> {
        question(to: server, at: [.zero], within: patience)
    }

    private func question(
        to server: Endpoint, changing change: STUNMessage.ChangeRequest? = nil, at times: [TimeAmount], within patience: TimeAmount
    ) -> EventLoopFuture<STUNAnswer> {
        let eventLoop = channel.eventLoop
        let promise = eventLoop.makePromise(of: STUNAnswer.self)
        do {
            let request = try STUNMessage.bindingRequest(attributes: change.map { [$0] } ?? [])
            let envelope = AddressedEnvelope(remoteAddress: try SocketAddress(server), data: ByteBuffer(bytes: request.bytes))
            reader.value.expect(request.transactionID, promise)
            let channel = channel
            channel.writeAndFlush(envelope, promise: nil)
            let sending = times.dropFirst().map { time in eventLoop.scheduleTask(in: time) { channel.writeAndFlush(envelope, promise: nil) } }
            let deadline = eventLoop.scheduleTask(in: patience) { promise.fail(ChannelError.connectTimeout(patience)) }
            let asked = eventLoop.now
            return promise.futureResult.map { answer in
                var answer = answer
                answer.asked = asked
                return answer
            }.always { _ in for task in sending + [deadline] { task.cancel() } }
        } catch {
            promise.fail(error)
            return promise.futureResult
        }
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

/// A server's error response: it has heard the question, and does not know it.
struct STUNRefusal: Error {}

/// Reads answers.
final class STUNDatagramReader: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private var expected: [STUNMessage.TransactionID: EventLoopPromise<STUNAnswer>] = [:]

    /// Gives the answer to a question to the promise.
    func expect(_ transaction: STUNMessage.TransactionID, _ promise: EventLoopPromise<STUNAnswer>) { expected[transaction] = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let datagram = unwrapInboundIn(data)
        guard let message = try? STUNMessage(Array(buffer: datagram.data)), let promise = expected[message.transactionID] else { return }
        if message.class == .error { promise.fail(STUNRefusal()) }
        guard var answer = STUNAnswer(message, to: message.transactionID, at: Endpoint(context.channel.localAddress)) else { return }
        expected[message.transactionID] = nil
        answer.source = Endpoint(datagram.remoteAddress)
        answer.answered = context.eventLoop.now
        promise.succeed(answer)
    }

    /// An ICMP error: silence and refusal are the same here.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    func channelInactive(context: ChannelHandlerContext) { for promise in expected.values { promise.fail(ChannelError.eof) } }
}
