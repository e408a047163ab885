import BodkinCore
import BodkinProtocols
import NIOCore
import NIOPosix

/// A UDP socket that asks STUN endpoints, also several at once.
struct STUNSocket: Sendable {
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
        _ server: Endpoint, changing change: STUNMessage.ChangeRequest? = nil, within patience: TimeAmount = STUNProbe.timeout
    ) async throws -> BindingResponse {
        try await channel.eventLoop.flatSubmit { question(to: server, changing: change, .unreliable(within: patience)) }.get()
    }

    /// Asks one endpoint once. On the event loop.
    func askOnce(_ server: Endpoint, within patience: TimeAmount) -> EventLoopFuture<BindingResponse> {
        question(to: server, .unreliable(within: patience, isRepeated: false))
    }

    private func question(
        to server: Endpoint, changing change: STUNMessage.ChangeRequest? = nil, _ configuration: BindingTransaction.Configuration
    ) -> EventLoopFuture<BindingResponse> {
        let eventLoop = channel.eventLoop
        do {
            let request = try STUNMessage.bindingRequest(attributes: change.map { [$0] } ?? [])
            let (channel, remote) = (channel, try SocketAddress(server))
            let exchange = BindingExchange(request, configuration: configuration, on: eventLoop)
            reader.value.expect(exchange)
            exchange.start { channel.writeAndFlush(AddressedEnvelope(remoteAddress: remote, data: ByteBuffer(bytes: $0)), promise: nil) }
            return exchange.response
        } catch {
            return eventLoop.makeFailedFuture(error)
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

/// Reads answers.
final class STUNDatagramReader: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private var exchanges: [STUNMessage.TransactionID: BindingExchange] = [:]

    /// Hands what comes to a transaction, as long as that goes on.
    func expect(_ exchange: BindingExchange) {
        exchanges[exchange.transactionID] = exchange
        exchange.response.assumeIsolated().whenComplete { [weak self] _ in self?.exchanges[exchange.transactionID] = nil }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let datagram = unwrapInboundIn(data)
        guard let message = try? STUNMessage(Array(buffer: datagram.data)) else { return }
        exchanges[message.transactionID]?.receive(message) { response in
            response.local = Endpoint(context.channel.localAddress)
            response.source = Endpoint(datagram.remoteAddress)
        }
    }

    /// An ICMP error: silence and refusal are the same here.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    func channelInactive(context: ChannelHandlerContext) { for exchange in exchanges.values { exchange.fail(ChannelError.eof) } }
}
