import BodkinCore
import NIOCore
import NIOPosix

/// A plain TCP connection: for STUN, garbage and HTTP.
final class TestStream {
    let channel: any Channel
    private var iterator: AsyncStream<[UInt8]>.AsyncIterator
    var local: Endpoint? { channel.localAddress.flatMap { Endpoint("\($0.ipAddress ?? ""):\($0.port ?? 0)") } }

    init(_ endpoint: Endpoint) async throws {
        let (stream, continuation) = AsyncStream<[UInt8]>.makeStream()
        iterator = stream.makeAsyncIterator()
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(ByteCollector(continuation)) }
            }
            .connect(host: endpoint.address.description, port: Int(endpoint.port)).get()
    }

    func send(_ bytes: some Sequence<UInt8>) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    /// What comes next; nil when the server has closed.
    func next() async -> [UInt8]? { await iterator.next() }

    /// All until the server closes.
    func rest() async -> [UInt8] {
        var bytes: [UInt8] = []
        while let more = await next() { bytes += more }
        return bytes
    }

    func close() { channel.close(promise: nil) }
}

private final class ByteCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let continuation: AsyncStream<[UInt8]>.Continuation

    init(_ continuation: AsyncStream<[UInt8]>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { continuation.yield(Array(unwrapInboundIn(data).readableBytesView)) }

    func channelInactive(context: ChannelHandlerContext) { continuation.finish() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
