import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore
import NIOPosix

/// A Binding transaction on a UDP socket of its own, at the times that the transaction names.
final class BindingClient: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    struct Result: Sendable {
        let outcome: BindingTransaction.Outcome
        let local: Endpoint?
        /// How many requests went out.
        let requests: Int
    }

    private let destination: SocketAddress
    private let promise: EventLoopPromise<Result>
    private let start = NIODeadline.now()
    private var transaction: BindingTransaction
    private var requests = 0

    private init(
        _ request: STUNMessage, _ configuration: BindingTransaction.Configuration, _ destination: SocketAddress, _ promise: EventLoopPromise<Result>
    ) {
        self.destination = destination
        self.promise = promise
        transaction = BindingTransaction(request, configuration: configuration)
    }

    /// Asks `server` from a port that the system chooses on 127.0.0.1.
    static func ask(
        _ server: Endpoint, _ request: STUNMessage = .bindingRequest(), _ configuration: BindingTransaction.Configuration = .unreliable()
    ) async throws -> Result {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: Result.self)
        do {
            let destination = try SocketAddress(server)
            let channel = try await DatagramBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(BindingClient(request, configuration, destination, promise))
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            defer { channel.close(promise: nil) }
            return try await promise.futureResult.get()
        } catch {
            promise.fail(error)
            throw error
        }
    }

    func channelActive(context: ChannelHandlerContext) { step(context) }

    private func step(_ context: ChannelHandlerContext) {
        let own = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        func poll(at time: Duration) {
            context.eventLoop.scheduleTask(deadline: start + TimeAmount(time)) { own.value.0.step(own.value.1) }
        }
        switch transaction.poll(at: .nanoseconds((NIODeadline.now() - start).nanoseconds)) {
        case .send(let bytes, let next):
            requests += 1
            context.writeAndFlush(wrapOutboundOut(AddressedEnvelope(remoteAddress: destination, data: ByteBuffer(bytes: bytes))), promise: nil)
            poll(at: next)
        case .wait(let next): poll(at: next)
        case .ended(let outcome): end(outcome, context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let message = try? STUNMessage(Array(buffer: unwrapInboundIn(data).data)), let outcome = transaction.receive(message) else { return }
        end(outcome, context)
    }

    private func end(_ outcome: BindingTransaction.Outcome, _ context: ChannelHandlerContext) {
        promise.succeed(Result(outcome: outcome, local: Endpoint(context.localAddress), requests: requests))
    }

    /// A refusal by ICMP is no answer.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
