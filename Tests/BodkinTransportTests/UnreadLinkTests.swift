import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOPosix
import NIOSSL
import Testing

/// A server that proves itself, and then reads nothing.
@Suite("A server that does not read", .timeLimit(.minutes(1)))
struct UnreadLinkTests {
    private final class Holder { var link: RendezvousLink? }

    /// Reads no more after the first bytes, which are the hello.
    private final class Deaf: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.channel.setOption(.autoRead, value: false).whenComplete { _ in } }
    }

    @Test("loses its link when 32 MiB wait for it")
    func limit() async throws {
        let loop = NIOSingletons.posixEventLoopGroup.next()
        let certificate = try CertificateIdentity(.create())
        let context = try TLSContexts.server(certificate, protocol: TLSContexts.rendezvousProtocol)
        let listener = try await ServerBootstrap(group: loop).childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let tls = NIOSSLServerHandler(context: context, customVerificationCallback: { $1.succeed(.certificateVerified) })
                try channel.pipeline.syncOperations.addHandlers([tls, Deaf()])
            }
        }.bind(host: "127.0.0.1", port: 0).get()
        let endpoint = try #require(Endpoint(listener.localAddress))
        let url = RendezvousURL(hosts: [.init("127.0.0.1", endpoint.port)], keyHash: try certificate.publicKeyHash(), token: nil)
        let route = ServerRoute(endpoint: endpoint, name: "127.0.0.1")
        let peer = try CertificateIdentity(.create())
        let (up, down) = (loop.makePromise(of: Void.self), loop.makePromise(of: String.self))
        let holder = try await loop.submit {
            let gate = Gate(before: KernelSystem(), servers: [endpoint.address], on: loop)
            let holder = Holder()
            holder.link = RendezvousLink(url, routes: [route], certificate: peer, through: gate, on: loop) { event in
                switch event {
                case .up: up.succeed()
                case .message: break
                case .down(let error): down.succeed(error.message)
                }
            }
            return NIOLoopBound(holder, eventLoop: loop)
        }.get()
        try await up.futureResult.get()
        let count = try await loop.submit {
            holder.value.link?.send(.hello(WireHello()))
            var data = WireCircuitData()
            data.data = Data(count: 60_000)
            var count = 0
            while count < 2000, holder.value.link?.isEnded == false {
                holder.value.link?.send(.circuitData(data))
                count += 1
            }
            return count
        }.get()
        #expect(try await down.futureResult.get().contains("does not read"))
        #expect(count * 60_000 < 64 << 20, "\(count) messages were taken")
        try await listener.close().get()
    }
}
