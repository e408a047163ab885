import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore
import NIOPosix

/// A ``TURNClient`` whose events a test reads one by one.
final class TURNTestClient: Sendable {
    enum Event: Sendable {
        case allocated(Endpoint), permitted(IPAddress), notPermitted(IPAddress, TURNRefusal), accepted(TURNStream, from: Endpoint), ended(
            TURNRefusal?)
    }

    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let client: NIOLoopBoundBox<TURNClient?>
    private let events: AsyncStream<Event>

    init(_ server: TURNClient.Server, as credential: TURNCredential = TURNServer.credential(), _ family: IPAddress.Family = .v4) async throws {
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        self.events = events
        let loop = loop
        client = try await loop.submit {
            let gate = Gate(before: KernelSystem(), servers: [TURNServer.address], on: loop)
            let client = TURNClient(server, as: credential, family, through: gate, on: loop) { event in
                switch event {
                case .allocated(let endpoint, _): continuation.yield(.allocated(endpoint))
                case .permitted(let address): continuation.yield(.permitted(address))
                case .notPermitted(let address, let refusal): continuation.yield(.notPermitted(address, refusal))
                case .accepted(let channel, let remote):
                    if let stream = try? TURNStream(channel) { continuation.yield(.accepted(stream, from: remote)) }
                case .ended(let refusal):
                    continuation.yield(.ended(refusal))
                    continuation.finish()
                }
            }
            return NIOLoopBoundBox(client, eventLoop: loop)
        }.get()
    }

    /// The next event.
    func next() async -> Event? { await events.first { _ in true } }

    /// The relayed endpoint, which is the first event.
    func allocated() async throws -> Endpoint {
        switch await next() {
        case .allocated(let endpoint): return endpoint
        case .ended(let refusal?): throw refusal
        case let event: throw TURNServer.Failure(text: "\(String(describing: event))")
        }
    }

    /// Lets remote hosts at an address connect.
    func permit(_ address: IPAddress) async throws {
        try await loop.submit { [client] in client.value?.permit(address) }.get()
        switch await next() {
        case .permitted(address): return
        case .notPermitted(address, let refusal): throw refusal
        case let event: throw TURNServer.Failure(text: "\(String(describing: event))")
        }
    }

    func connect(to endpoint: Endpoint) async throws -> TURNStream {
        try await loop.flatSubmit { [client] in
            client.value?.connect(to: endpoint).flatMapThrowing { try TURNStream($0) } ?? client.eventLoop.makeFailedFuture(ChannelError.eof)
        }.get()
    }

    func close() async throws { try await loop.submit { [client] in client.value?.close() }.get() }
}

/// A connection of the relay.
final class TURNStream: Sendable {
    private let channel: any Channel
    private let bytes: AsyncStream<[UInt8]>

    /// Begins to read; on the event loop.
    init(_ channel: any Channel) throws {
        let (bytes, continuation) = AsyncStream.makeStream(of: [UInt8].self)
        (self.channel, self.bytes) = (channel, bytes)
        try channel.pipeline.syncOperations.addHandler(Collector(continuation))
        channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
    }

    func send(_ bytes: some Sequence<UInt8>) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    /// So many bytes, or fewer where the relay has closed.
    func read(_ count: Int) async -> [UInt8] {
        var all: [UInt8] = []
        while all.count < count, let more = await bytes.first(where: { _ in true }) { all += more }
        return all
    }

    func close() { channel.close(promise: nil) }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let continuation: AsyncStream<[UInt8]>.Continuation
        init(_ continuation: AsyncStream<[UInt8]>.Continuation) { self.continuation = continuation }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { continuation.yield(Array(unwrapInboundIn(data).readableBytesView)) }
        func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
