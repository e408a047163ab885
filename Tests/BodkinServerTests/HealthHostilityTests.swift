import BodkinCore
import BodkinProtocols
import BodkinServer
import BodkinTransport
import NIOCore
import NIOPosix
import Testing

@Suite("Nonsense on the health port, and over UDP", .timeLimit(.minutes(1)))
struct HealthHostilityTests {
    // MARK: Health

    /// What is not one good request.
    enum Nonsense: String, CaseIterable, Sendable {
        case noise, ssh, futureVersion, negativeLength, twoLengths, brokenChunk, endlessTarget, endlessHeader
        case requestAndNoise, threeAtOnce, tunnel, upgrade

        var text: String {
            let request = "GET /health HTTP/1.1\r\nhost: x\r\n"
            let endless = String(repeating: "a", count: 200_000)
            return switch self {
            case .noise: String(repeating: "\u{0}\u{7F}\u{FF}", count: 2000)
            case .ssh: "SSH-2.0-OpenSSH_9.2p1\r\n"
            case .futureVersion: "GET /health HTTP/9.9\r\nhost: x\r\n\r\n"
            case .negativeLength: request + "content-length: -1\r\n\r\n"
            case .twoLengths: request + "content-length: 1\r\ncontent-length: 2\r\n\r\nab"
            case .brokenChunk: "POST /health HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nnumber\r\n"
            case .endlessTarget: "GET /" + endless
            case .endlessHeader: request + "x: " + endless
            case .requestAndNoise: request + "\r\n\u{1}\u{2}\u{3}\r\n\r\n"
            case .threeAtOnce: String(repeating: request + "\r\n", count: 3)
            case .tunnel: "CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n"
            case .upgrade: request + "connection: upgrade\r\nupgrade: websocket\r\n\r\n\u{1}\u{2}"
            }
        }
    }

    /// What the health port says to a good request.
    private static func health(_ listening: RendezvousServer.Listening) async throws -> String {
        let stream = try await TestStream(#require(listening.health))
        stream.send("GET /health HTTP/1.1\r\nhost: x\r\n\r\n".utf8)
        return String(decoding: await stream.rest(), as: UTF8.self)
    }

    /// The server knows this peer, answers it, and tells the health port so.
    private static func expectUndisturbed(_ peer: TestPeer, _ listening: RendezvousServer.Listening) async throws {
        let health = try await Self.health(listening)
        #expect(health.hasPrefix("HTTP/1.1 200") && health.contains("\"registered\": 1"), "\(health)")
        peer.send(peer.dial(peer.id))
        #expect(try await peer.dialFailed().reason == .unavailable)
    }

    @Test("on the health port ends with its connection: a registered peer stays, and who asks next is answered", arguments: Nonsense.allCases)
    func nonsense(_ nonsense: Nonsense) async throws {
        try await withServer({ $0.healthEndpoint = Endpoint("127.0.0.1:0") }) { listening in
            let peer = try await TestPeer.registered(listening)
            let stream = try await TestStream(#require(listening.health))
            stream.send(nonsense.text.utf8)
            _ = await stream.rest()
            try await Self.expectUndisturbed(peer, listening)
        }
    }

    @Test("many halves of a request on the health port hold up nobody, and are closed in time")
    func halves() async throws {
        try await withServer({ $0.healthEndpoint = Endpoint("127.0.0.1:0") }) { listening in
            let peer = try await TestPeer.registered(listening)
            var streams: [TestStream] = []
            for _ in 0..<50 {
                let stream = try await TestStream(#require(listening.health))
                stream.send(HostilityTests.slowloris)
                streams.append(stream)
            }
            try await Self.expectUndisturbed(peer, listening)
            for stream in streams { _ = await stream.rest() }
            try await Self.expectUndisturbed(peer, listening)
        }
    }

    // MARK: STUN over UDP

    /// A header of this type that announces so many bytes of attributes, and some bytes.
    private static func message(_ type: UInt16, announcing length: UInt16, _ rest: [UInt8] = []) -> [UInt8] {
        let start: [UInt8] = [UInt8(type >> 8), UInt8(type & 0xFF), UInt8(length >> 8), UInt8(length & 0xFF), 0x21, 0x12, 0xA4, 0x42]
        return start + [UInt8](repeating: 7, count: 12) + rest
    }

    /// Datagrams that are no request, and so are dropped (RFC 8489 section 6.3).
    private static func garbage() -> [[UInt8]] {
        let good = STUNMessage.bindingRequest().bytes
        var forged = good
        forged[forged.count - 1] ^= 1
        var datagrams: [[UInt8]] = [[], [0], [0x80, 1, 2, 3], Array("GET /health HTTP/1.1\r\n\r\n".utf8), [UInt8](repeating: 0xFF, count: 9000)]
        // Cut off, too long, with another fingerprint, without the cookie.
        datagrams += [Array(good.dropLast(4)), good + [0, 0, 0, 0], forged, [UInt8](repeating: 0, count: 20)]
        // Lengths that are not so, attributes beyond the end, and more than a message may have.
        datagrams.append(message(1, announcing: 4))
        datagrams.append(message(1, announcing: 3, [0, 0, 0]))
        datagrams.append(message(1, announcing: 8, [0x80, 0x22, 0xFF, 0xFF, 0, 0, 0, 0]))
        datagrams.append(message(1, announcing: 4000, [UInt8](repeating: 0, count: 4000)))
        // An indication, a success, an error, and a request for something else than a binding.
        for type in [0x0011, 0x0101, 0x0111, 0x0003] as [UInt16] { datagrams.append(message(type, announcing: 0)) }
        return datagrams
    }

    @Test("garbage over UDP is not answered, what asks for too much is answered by an error, and the next request is met, on both STUN ports")
    func datagrams() async throws {
        try await withServer({ $0.healthEndpoint = Endpoint("127.0.0.1:0") }) { listening in
            let peer = try await TestPeer.registered(listening)
            #expect(listening.stun.count == 2)
            for endpoint in listening.stun {
                let client = try await DatagramClient(endpoint)
                for datagram in Self.garbage() { client.send(datagram) }
                let refused = try [
                    STUNMessage.bindingRequest(attributes: [STUNMessage.ChangeRequest(address: true, port: false)]),
                    STUNMessage.bindingRequest(attributes: [STUNMessage.Padding(count: 100)]),
                    STUNMessage.bindingRequest(attributes: [STUNMessage.ResponsePort(0)]),
                ]
                let request = STUNMessage.bindingRequest()
                for message in refused + [request] { client.send(message.bytes) }
                // One socket answers in the order in which it was asked.
                var answers: [STUNMessage] = []
                while answers.last?.transactionID != request.transactionID {
                    answers.append(try STUNMessage(#require(await client.next())))
                }
                #expect(answers.map(\.transactionID) == (refused + [request]).map(\.transactionID))
                #expect(answers.dropLast().allSatisfy { $0.class == .error })
                #expect(answers.last?.class == .success)
                #expect(try answers.last?.attribute(STUNMessage.XORMappedAddress.self)?.endpoint == client.local)
                client.close()
                let other = try await BindingClient.ask(endpoint)
                guard case .mapped(let mapped, _) = other.outcome else {
                    Issue.record("another client has no answer: \(other.outcome)")
                    continue
                }
                #expect(mapped == other.local)
            }
            try await Self.expectUndisturbed(peer, listening)
        }
    }

    // MARK: The second address

    @Test("over TCP both ports of both addresses answer, name each other, and refuse to change")
    func secondAddress() async throws {
        try await withServer({ $0.secondAddress = IPAddress(v4: 0x7F00_0002) }) { listening in
            #expect(Set(listening.stun.map { "\($0.address)" }) == ["127.0.0.1", "127.0.0.2"])
            #expect(Set(listening.stun).count == 4)
            for endpoint in listening.stun {
                let stream = try await TestStream(endpoint)
                let request = STUNMessage.bindingRequest()
                let answer = try await stream.ask(request)
                #expect(answer.class == .success && answer.transactionID == request.transactionID)
                #expect(try answer.attribute(STUNMessage.XORMappedAddress.self)?.endpoint == stream.local)
                #expect(try answer.attribute(STUNMessage.ResponseOrigin.self)?.endpoint == endpoint)
                let other = listening.stun.first { $0.address != endpoint.address && $0.port != endpoint.port }
                #expect(try answer.attribute(STUNMessage.OtherAddress.self)?.endpoint == other)
                let change = try STUNMessage.bindingRequest(attributes: [STUNMessage.ChangeRequest(address: true, port: true)])
                let refusal = try await stream.ask(change)
                #expect(try refusal.attribute(STUNMessage.ErrorCode.self)?.number == 420)
                stream.close()
            }
        }
    }

    @Test("a NAT-binding connection to the second address is vouched for as one to the first")
    func warm() async throws {
        try await withServer({ $0.secondAddress = IPAddress(v4: 0x7F00_0002) }) { listening in
            let peer = try await TestPeer.registered(listening)
            let dialer = try await TestPeer.registered(listening)
            let stream = try await TestStream(#require(listening.stun.first { "\($0.address)" == "127.0.0.2" }))
            let local = try #require(stream.local)
            let answer = try await stream.prove(peer)
            #expect(answer.class == .success)
            dialer.send(dialer.dial(peer.id))
            let seen = try await peer.meet().ownObserved.compactMap { $0.endpoint() }
            #expect(seen == [local])
            stream.close()
        }
    }
}

/// A UDP socket that says anything to a server, and hands over whatever comes.
private final class DatagramClient {
    private let server: SocketAddress
    private let channel: any Channel
    private var iterator: AsyncStream<[UInt8]>.AsyncIterator
    var local: Endpoint? { Endpoint(channel.localAddress) }

    init(_ server: Endpoint) async throws {
        self.server = try SocketAddress(server)
        let (stream, continuation) = AsyncStream<[UInt8]>.makeStream()
        iterator = stream.makeAsyncIterator()
        channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(DatagramCollector(continuation)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    func send(_ bytes: [UInt8]) {
        // Not without memory, also where it is empty.
        var buffer = channel.allocator.buffer(capacity: max(64, bytes.count))
        buffer.writeBytes(bytes)
        channel.writeAndFlush(AddressedEnvelope(remoteAddress: server, data: buffer), promise: nil)
    }

    /// What comes next.
    func next() async -> [UInt8]? { await iterator.next() }

    func close() { channel.close(promise: nil) }
}

private final class DatagramCollector: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private let continuation: AsyncStream<[UInt8]>.Continuation

    init(_ continuation: AsyncStream<[UInt8]>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { continuation.yield(Array(buffer: unwrapInboundIn(data).data)) }

    func channelInactive(context: ChannelHandlerContext) { continuation.finish() }

    /// A refusal by ICMP is no answer.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
