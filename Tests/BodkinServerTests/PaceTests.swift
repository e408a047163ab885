import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOEmbedded
import NIOPosix
import NIOSSL
import SwiftProtobuf
import Testing

@testable import BodkinServer

@Suite("Work and memory of one user", .serialized, .timeLimit(.minutes(1)))
struct PaceTests {
    #if os(Linux)
    /// The replies that a peer asks for and does not read: pongs, and ends of circuits that there are not.
    static let requests: [[UInt8]] = [
        [4, 13 << 3 | 2, 2, 1 << 3, 1], [22, 10 << 3 | 2, 20, 1 << 3 | 2, 16] + [UInt8](repeating: 7, count: 16) + [2 << 3 | 2, 0],
    ]

    @Test("who does not read is not read: four hundred thousand requests cost next to nothing, and others are served", arguments: requests)
    func unread(_ request: [UInt8]) async {
        await #expect(processExitsWith: .success) { [request] in
            try await withServer({
                $0.limits.messagesPerSecond = 1e9
                $0.quotas.token.messagesPerSecond = 1e9
                $0.quotas.address.messagesPerSecond = 1e9
            }) { listening in
                let other = try await TestPeer.registered(listening)
                let deaf = try await TestPeer.registered(listening)
                try await deaf.channel.setOption(.autoRead, value: false).get()
                let before = LimitTests.resident
                let requests = (0..<2_000).flatMap { _ in request }
                // What the server does not read stays with the client, and counts twice here: so it asks for no more than the kernel takes.
                for _ in 0..<200 where deaf.channel.isWritable {
                    try await deaf.send(raw: requests)
                    try await Task.sleep(for: .milliseconds(2))
                }
                for _ in 0..<20 {
                    other.send(.ping(WirePing()))
                    guard case .pong? = await other.next() else { throw TestPeer.Unexpected(wanted: "a pong", got: nil) }
                }
                let cost = LimitTests.resident - before
                #expect(cost < 20 << 20, "\(cost >> 10) KiB")
            }
        }
    }
    #endif

    @Test("messages beyond the rate are taken later, and none is lost")
    func rate() async throws {
        try await withServer({ $0.limits.messagesPerSecond = 1_000 }) { listening in
            let peer = try await TestPeer.registered(listening)
            let start = ContinuousClock.now
            for number in 1...3_000 as ClosedRange<UInt64> { peer.send(.ping(.with { $0.number = number })) }
            for number in 1...3_000 as ClosedRange<UInt64> {
                guard case .pong(let pong)? = await peer.next(), pong.number == number else { throw TestPeer.Unexpected(wanted: "a pong", got: nil) }
            }
            // Two thousand are saved up; the last turn is paid afterwards.
            #expect(ContinuousClock.now - start > .milliseconds(800))
        }
    }

    @Test("a stranger has no room for long messages", arguments: [4_000, 4_200])
    func hello(_ size: Int) async throws {
        try await withServer { listening in
            let peer = try await TestPeer(listening)
            guard case .hello(var hello) = peer.hello() else { return }
            hello.agent = String(repeating: "x", count: size)
            peer.send(.hello(hello))
            if size < 4_096 { _ = try await peer.welcome() } else { #expect(try await peer.failure().code == .tooLarge) }
        }
    }

    @Test("a handshake with more than one certificate is refused, and one with many before they are parsed")
    func chain() throws {
        let identity = try CertificateIdentity(.create())
        #expect(PeerService.judge(identity.chain) == .certificateVerified)
        #expect(PeerService.judge([]) == .failed && PeerService.judge(identity.chain + identity.chain) == .failed)
        let (limit, count) = (HandshakeLimit(), ByteCount())
        let channel = EmbeddedChannel(handlers: [limit, count])
        try channel.connect(to: SocketAddress(unixDomainSocketPath: "/none")).wait()
        for _ in 0..<140 { try channel.writeInbound(ByteBuffer(repeating: 0, count: 1_024)) }
        #expect(count.value == HandshakeLimit.byteCount && channel.isActive)
        for _ in 0..<10 { try channel.writeInbound(ByteBuffer(repeating: 0, count: 1_024)) }
        #expect(count.value == HandshakeLimit.byteCount && !channel.isActive)
    }

    @Test(
        "what comes behind the end of a handshake passes whole and in its order, whenever that is known",
        arguments: [0, 5_000, 16_384, 20_000, 60_000])
    func behind(_ knownAfter: Int) throws {
        let (limit, count) = (HandshakeLimit(), ByteCount())
        let channel = EmbeddedChannel(handlers: [limit, count])
        var sent = ByteBuffer()
        for number in 0..<70 {
            if sent.readableBytes >= knownAfter { limit.lift() }
            var piece = ByteBuffer(repeating: UInt8(number), count: 1_000)
            try channel.writeInbound(piece)
            sent.writeBuffer(&piece)
            if number % 3 == 0 { channel.embeddedEventLoop.run() }
        }
        channel.embeddedEventLoop.run()
        #expect(count.bytes == sent)
    }

    @Test("a client that shows two certificates gets no word, one that shows one is welcome", arguments: [1, 2, 100])
    func certificates(_ count: Int) async throws {
        try await withServer({ if count > 2 { $0.limits.handshakeTimeout = .seconds(1) } }) { listening in
            let identity = try CertificateIdentity(.create())
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv13
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates([])
            configuration.verifySignatureAlgorithms = [.ed25519]
            configuration.signingSignatureAlgorithms = [.ed25519]
            configuration.applicationProtocols = [TLSContexts.rendezvousProtocol]
            configuration.certificateChain = (0..<count).flatMap { _ in identity.chain.map { .certificate($0) } }
            configuration.privateKey = .privateKey(identity.privateKey)
            let context = try NIOSSLContext(configuration: configuration)
            let place = try #require(listening.rendezvous.first)
            let (stream, continuation) = AsyncStream<Bool>.makeStream()
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers(
                            NIOSSLClientHandler(context: context, serverHostname: nil) { _, promise in promise.succeed(.certificateVerified) },
                            Listener(continuation))
                    }
                }
                .connect(host: place.address.description, port: Int(place.port)).get()
            var hello = WireHello()
            hello.lowestVersion = 1
            hello.highestVersion = 1
            hello.token = Data(listening.url.token ?? [])
            hello.instance = Data(InstanceID.random().bytes)
            var bytes = ByteBuffer()
            try EnvelopeFraming.write(.hello(hello), to: &bytes)
            channel.writeAndFlush(bytes, promise: nil)
            var hasHeard = false
            for await word in stream {
                hasHeard = word
                break
            }
            #expect(hasHeard == (count == 1))
            try? await channel.close().get()
        }
    }
}

/// Tells whether a byte comes before the end.
private final class Listener: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let continuation: AsyncStream<Bool>.Continuation

    init(_ continuation: AsyncStream<Bool>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { continuation.yield(true) }

    func channelInactive(context: ChannelHandlerContext) {
        continuation.yield(false)
        continuation.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Keeps what comes.
private final class ByteCount: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    var bytes = ByteBuffer()
    var value: Int { bytes.readableBytes }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var piece = unwrapInboundIn(data)
        bytes.writeBuffer(&piece)
    }
}
