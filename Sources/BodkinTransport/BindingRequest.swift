package import BodkinCore
import BodkinProtocols
package import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// One Binding request to a STUN server over TCP (RFC 8489 section 6.2.2), from a local port of one's choice: what a NAT makes of it.
///
/// ```swift
/// let answer = try await loop.flatSubmit { BindingRequest(to: server).ask(within: .seconds(3), through: gate, on: loop) }.get()
/// print(answer.mapped)
/// ```
package struct BindingRequest: Hashable, Sendable {
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

    /// Connects and sends the request. The receiver of the answer closes the connection (``BindingResponse/close()``): a mapping may go with its last session.
    ///
    /// To be called on the event loop: the network that a socket is in may be that of its thread.
    /// - Throws: the connection's error, or `ChannelError.connectTimeout` where no answer came in time.
    package func ask(
        within patience: TimeAmount, through gate: Gate, on eventLoop: any EventLoop
    ) -> EventLoopFuture<BindingResponse> {
        let exchange = BindingExchange(configuration: .reliable(within: patience), on: eventLoop)
        let asked = eventLoop.now
        let connecting = gate.connect(
            to: destination, from: localPort, by: interface, within: patience, readsAtOnce: true, for: .server,
            configure: { try $0.pipeline.syncOperations.addHandler(BindingStreamReader(exchange)) })
        connecting.assumeIsolated().whenComplete { result in
            switch result {
            case .failure(let error): exchange.fail(error)
            case .success(let channel):
                exchange.start { channel.writeAndFlush(ByteBuffer(bytes: $0), promise: nil) }
                exchange.response.assumeIsolated().whenFailure { _ in channel.close(promise: nil) }
            }
        }
        return exchange.response.map { response in
            var response = response
            response.asked = asked
            return response
        }
    }
}

extension BindingResponse {
    /// Ends the connection by an RST, so that neither the local port nor the NAT's table is taken up for longer. On the event loop.
    package func close() {
        guard let connection else { return }
        guard let provider = connection as? any SocketOptionProvider else { return connection.close(promise: nil) }
        provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).assumeIsolated().whenComplete { _ in connection.close(promise: nil) }
    }
}

/// Reads the response from a TCP connection.
private final class BindingStreamReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let exchange: BindingExchange
    private var framer = STUNFramer()

    init(_ exchange: BindingExchange) { self.exchange = exchange }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        do {
            while let message = try framer.next(from: &bytes) {
                let channel = context.channel
                exchange.receive(message) { response in
                    response.local = Endpoint(channel.localAddress)
                    response.connection = channel
                }
            }
        } catch {
            exchange.fail(error)
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { exchange.fail(ChannelError.eof) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        exchange.fail(error)
        context.close(promise: nil)
    }
}
