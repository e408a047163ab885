import BodkinCore
import BodkinTransport
import NIOCore
import NIOPosix

/// Carries a UDP client's STUN messages over one TCP connection, byte for byte: RFC 8489 section 6.2.2 frames them by their own length.
///
/// None of coturn's clients can ask over TCP by itself.
struct StreamBridge {
    /// Where the client is to ask.
    let port: UInt16
    /// The end of the TCP connection here: what the server sees.
    let local: Endpoint?
    private let channels: [any Channel]

    /// Connects to the server, and opens a socket for the client.
    init(to server: Endpoint) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let ends = try await loop.submit { NIOLoopBound(Ends(), eventLoop: loop) }.get()
        let stream = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(StreamEnd(ends.value)) }
            }
            .connect(to: SocketAddress(server)).get()
        let socket = try await DatagramBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(DatagramEnd(ends.value, stream)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        local = Endpoint(stream.localAddress)
        port = UInt16(socket.localAddress?.port ?? 0)
        channels = [stream, socket]
    }

    func close() { for channel in channels { channel.close(promise: nil) } }

    /// What the two ends know of each other.
    private final class Ends {
        var answer: ((ByteBuffer) -> Void)?
    }

    private final class StreamEnd: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let ends: Ends

        init(_ ends: Ends) { self.ends = ends }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { ends.answer?(unwrapInboundIn(data)) }
    }

    private final class DatagramEnd: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        private let ends: Ends
        private let stream: any Channel

        init(_ ends: Ends, _ stream: any Channel) {
            self.ends = ends
            self.stream = stream
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let request = unwrapInboundIn(data)
            let socket = context.channel
            ends.answer = { bytes in socket.writeAndFlush(AddressedEnvelope(remoteAddress: request.remoteAddress, data: bytes), promise: nil) }
            stream.writeAndFlush(request.data, promise: nil)
        }
    }
}
