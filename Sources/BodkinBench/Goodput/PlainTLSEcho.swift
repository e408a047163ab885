import BodkinCore
import BodkinIdentity
import BodkinTransport
import NIOCore
import NIOPosix
import NIOSSL

/// What Bodkin is measured against: TLS 1.3 of the same library, with the same kind of certificates at both ends, between plain channel handlers; nothing
/// else. Each end has one event loop, as a peer has.
struct PlainTLSEcho: Sendable {
    private let near: TransferHandler.End
    private let listener: any Channel

    /// Connects the two ends over `address`. Sockets are made on the event loops, and so in their network.
    init(_ address: IPAddress, near: any EventLoopGroup, far: any EventLoopGroup) async throws {
        let server = try TLSContexts.server(CertificateIdentity(.create()), protocol: TLSContexts.peerProtocol)
        let client = try TLSContexts.client(CertificateIdentity(.create()), protocol: TLSContexts.peerProtocol)
        let free = try SocketAddress(ipAddress: "\(address)", port: 0)
        let listener = try await far.next().flatSubmit {
            ServerBootstrap(group: far)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let tls = NIOSSLServerHandler(context: server) { _, promise in promise.succeed(.certificateVerified) }
                        try channel.pipeline.syncOperations.addHandlers([tls, BackPressureHandler(), EchoHandler()])
                    }
                }
                .bind(to: free)
        }.get()
        let place = try SocketAddress(ipAddress: "\(address)", port: listener.localAddress?.port ?? 0)
        let channel = try await near.next().flatSubmit {
            ClientBootstrap(group: near)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let tls = try NIOSSLClientHandler(context: client, serverHostname: nil) { _, promise in
                            promise.succeed(.certificateVerified)
                        }
                        try channel.pipeline.syncOperations.addHandler(tls)
                    }
                }
                .connect(to: place)
        }.get()
        self.listener = listener
        self.near = try await TransferHandler.End(channel)
    }

    /// Writes so many bytes, and reads them back.
    func echo(_ byteCount: Int) async throws { try await near.transfer(writing: byteCount, reading: byteCount) }

    func close() async throws {
        try await near.channel.close()
        try await listener.close()
    }
}

/// Writes what it reads.
private final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }
    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
