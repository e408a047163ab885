import Bodkin
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinServer
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// What may answer where the URL says that the server is: a peer tells another server's key from a portal or a proxy, and waits for what may go away.
@Suite("Something else in the server's place", .serialized, .timeLimit(.minutes(1)))
struct InterceptionTests {
    enum Intruder: CaseIterable {
        case nothing, silence, closing, http, ssh, proxy, otherServer

        var code: TransportError.Code {
            switch self {
            case .nothing, .silence: .serverUnreachable
            case .closing: .serverRefused
            case .http, .ssh, .proxy: .serverIntercepted
            case .otherServer: .serverImpostor
            }
        }
        /// Words of the message.
        var words: String {
            switch self {
            case .nothing: "cannot be reached"
            case .silence: "has not answered yet"
            case .closing: "closed the connection"
            case .http, .ssh: "captive portal or an intercepting proxy"
            case .proxy: "a certificate that no rendezvous server has"
            case .otherServer: "not the rendezvous server that the URL names"
            }
        }
        /// The bytes that are said to who connects; nil where nothing is.
        var greeting: String? {
            switch self {
            case .http: "HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\nContent-Length: 0\r\n\r\n"
            case .ssh: "SSH-2.0-OpenSSH_9.2p1\r\n"
            default: nil
            }
        }
    }

    /// Says something to who connects, or closes.
    private final class Greeter: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        let text: String?
        let isClosing: Bool
        init(_ intruder: Intruder) { (text, isClosing) = (intruder.greeting, intruder == .closing) }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if isClosing { context.close(promise: nil) }
            if let text { context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil) }
        }
    }

    /// Runs something in the server's place until `body` is over.
    private func with(_ intruder: Intruder, _ configuration: RendezvousServer.Configuration, _ body: () async throws -> Void) async throws {
        switch intruder {
        case .nothing: try await body()
        case .silence, .closing, .http, .ssh:
            let listener = try await ServerBootstrap(group: NIOSingletons.posixEventLoopGroup)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in channel.pipeline.addHandler(Greeter(intruder)) }
                .bind(host: "127.0.0.1", port: Int(configuration.port)).get()
            try await body()
            try await listener.close()
        case .proxy:
            let directory = FileManager.default.temporaryDirectory.appending(path: "bodkin-proxy-\(UInt64.random(in: 0 ... .max))").path()
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let kind = "ec -pkeyopt ec_paramgen_curve:P-256"
            _ = try await output(of: "openssl req -x509 -newkey \(kind) -nodes -keyout \(directory)/k -out \(directory)/c -subj /CN=p -days 2")
            var other = configuration
            other.credentials = .certificate(file: "\(directory)/c", keyFile: "\(directory)/k", isPinned: true)
            try await withRendezvousServer(RendezvousServer(other)) { _ in try await body() }
        case .otherServer:
            var other = configuration
            other.credentials = .identity(try .create())
            try await withRendezvousServer(RendezvousServer(other)) { _ in try await body() }
        }
    }

    /// A server that is not running yet, and a peer of it.
    private func place() throws -> (RendezvousServer.Configuration, Peer.Configuration) {
        let identity = try Identity.create()
        var configuration = RendezvousServer.Configuration(hosts: ["127.0.0.1"], credentials: .identity(identity), admission: .open)
        configuration.bindAddresses = [IPAddress(v4: 0x7F00_0001)]
        configuration.port = .random(in: 20_000..<32_000)
        configuration.stunPort = configuration.port + 1
        let url = RendezvousURL(
            hosts: [.init("127.0.0.1", configuration.port)], keyHash: try CertificateIdentity(identity).publicKeyHash(), token: nil,
            stunPort: configuration.stunPort)
        var settings = Peer.Configuration(identity: try .create(), rendezvous: url)
        settings.paths = .relayOnly
        return (configuration, settings)
    }

    @Test("is called what it is, and waited out; another server's key ends the peer", arguments: Intruder.allCases)
    func table(_ intruder: Intruder) async throws {
        let (configuration, before) = try place()
        var settings = before
        let (reasons, continuation) = AsyncStream.makeStream(of: String.self)
        let count = Mutex(0)
        settings.onEvent = {
            guard case .awaitingServer(let reason) = $0.kind else { return }
            count.withLock { $0 += 1 }
            continuation.yield(reason)
        }
        var peer: Task<Void, any Error>?
        try await with(intruder, configuration) { [settings] in
            let task = Task { try await withPeer(settings) { try await $0.registered() } }
            peer = task
            if intruder == .otherServer {
                let error = await #expect(throws: TransportError.self) { try await task.value }
                #expect(error?.code == intruder.code && error?.message.contains(intruder.words) == true)
            } else {
                var told = reasons.makeAsyncIterator()
                let reason = await told.next()
                #expect(reason?.contains(intruder.words) == true, "\(reason ?? "")")
            }
        }
        guard intruder != .otherServer else { return }
        try await withRendezvousServer(RendezvousServer(configuration)) { [peer] _ in try await peer?.value }
        #expect(count.withLock { $0 } <= 2)
    }

    @Test("a caller with less patience is told why the server was of no use", arguments: Intruder.allCases)
    func caller(_ intruder: Intruder) async throws {
        let (configuration, before) = try place()
        var settings = before
        settings.dialTimeout = .seconds(1)
        try await with(intruder, configuration) { [settings] in
            try await withPeer(settings) { peer in
                let start = ContinuousClock.now
                let error = await #expect(throws: TransportError.self) { _ = try await peer.connect(to: Identity.create().peerID) }
                #expect(error?.code == intruder.code, "\(error?.message ?? "")")
                #expect(ContinuousClock.now - start < .seconds(10))
            }
        }
    }
}
