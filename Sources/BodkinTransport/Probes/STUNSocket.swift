import BodkinCore
import BodkinProtocols
import BodkinSystem
import NIOCore
import NIOPosix

/// A UDP socket for Binding requests to STUN servers, also to several at once.
struct STUNSocket: Sendable {
    /// The local endpoint; nil if the system does not report it.
    let local: Endpoint?
    private let channel: any Channel
    private let gate: Gate
    private let reader: NIOLoopBound<STUNDatagramReader>

    /// Opens a socket with the address that the system uses towards `server`.
    static func open(towards server: Endpoint, through gate: Gate, on eventLoop: any EventLoop) async throws -> STUNSocket {
        // A connected socket reports its address. The requesting socket is not connected, because it has several destinations.
        let guide = try await bind(Endpoint(.unspecified(server.address.family), 0), on: eventLoop, nil)
        try await guide.connect(to: SocketAddress(server)).get()
        let address = Endpoint(guide.localAddress)?.address
        guide.close(promise: nil)
        return try await open(at: Endpoint(address ?? .unspecified(server.address.family), 0), through: gate, on: eventLoop)
    }

    /// Opens a socket at a local endpoint.
    static func open(at local: Endpoint, through gate: Gate, on eventLoop: any EventLoop) async throws -> STUNSocket {
        let reader = try await eventLoop.submit { NIOLoopBound(STUNDatagramReader(), eventLoop: eventLoop) }.get()
        let channel = try await bind(local, on: eventLoop, reader)
        return STUNSocket(local: Endpoint(channel.localAddress), channel: channel, gate: gate, reader: reader)
    }

    /// Sends a request to a server, and repeats it while no response comes.
    func request(
        from server: Endpoint, changing change: STUNMessage.ChangeRequest? = nil, within timeout: TimeAmount = STUNProbe.timeout
    ) async throws -> BindingResponse {
        try await channel.eventLoop.flatSubmit { response(of: server, changing: change, .unreliable(within: timeout)) }.get()
    }

    /// Sends one request to a server, on the event loop.
    func requestOnce(from server: Endpoint, within timeout: TimeAmount) -> EventLoopFuture<BindingResponse> {
        response(of: server, .unreliable(within: timeout, isRepeated: false))
    }

    private func response(
        of server: Endpoint, changing change: STUNMessage.ChangeRequest? = nil, _ configuration: BindingTransaction.Configuration
    ) -> EventLoopFuture<BindingResponse> {
        let eventLoop = channel.eventLoop
        do {
            let request = try STUNMessage.bindingRequest(attributes: [STUNMessage.Software.padding] + (change.map { [$0] } ?? []))
            let (channel, remote) = (channel, try SocketAddress(gate.passage(to: server, for: .server).endpoint))
            let exchange = BindingExchange(request, configuration: configuration, on: eventLoop)
            reader.value.expect(exchange)
            exchange.start { channel.writeAndFlush(AddressedEnvelope(remoteAddress: remote, data: ByteBuffer(bytes: $0)), promise: nil) }
            return exchange.response
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
    }

    /// Closes the socket.
    func close() { channel.close(promise: nil) }

    private static func bind(
        _ local: Endpoint, on eventLoop: any EventLoop, _ reader: NIOLoopBound<STUNDatagramReader>?
    ) async throws -> any Channel {
        let address = try SocketAddress(local)
        // The socket is opened on the event loop, because its network may be that of its thread.
        return try await eventLoop.flatSubmit {
            DatagramBootstrap(group: eventLoop).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try DescriptorReserve.check(channel)
                    if let reader { try channel.pipeline.syncOperations.addHandler(reader.value) }
                }
            }.bind(to: address)
        }.get()
    }
}

/// A channel handler that passes responses to their exchanges.
final class STUNDatagramReader: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private var exchanges: [STUNMessage.TransactionID: BindingExchange] = [:]

    /// Passes later messages to an exchange, until it ends.
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

    /// Ignores an ICMP error, because the probes treat refusal as silence.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    func channelInactive(context: ChannelHandlerContext) { for exchange in exchanges.values { exchange.fail(ChannelError.eof) } }
}
