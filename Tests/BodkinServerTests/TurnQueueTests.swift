import BodkinCore
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import BodkinServer

@Suite("Turns of connections that have more messages than a turn takes", .timeLimit(.minutes(1)))
struct TurnQueueTests {
    /// A connection of the queue that always has more.
    private final class Busy: Sendable {
        private let isOver = Atomic(false)

        func enter(_ queue: NIOLoopBound<TurnQueue>) {
            queue.value.enter { [self] in
                let end = NIODeadline.now() + .microseconds(200)
                while NIODeadline.now() < end {}
                if !isOver.load(ordering: .relaxed) { enter(queue) }
            }
        }

        func stop() { isOver.store(true, ordering: .relaxed) }
    }

    private final class Echo: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.writeAndFlush(data, promise: nil) }
    }

    @Test("the sockets of the event loop are served while turns never end", arguments: [1, 16, 200])
    func sockets(_ connections: Int) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = try await ServerBootstrap(group: group).childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Echo()) }
        }.bind(host: "127.0.0.1", port: 0).get()
        let stream = try await TestStream(#require(Endpoint("127.0.0.1:\(server.localAddress?.port ?? 0)")))
        let loop = group.next()
        let busy = Busy()
        try await loop.submit {
            let queue = NIOLoopBound(TurnQueue(loop), eventLoop: loop)
            for _ in 0..<connections { busy.enter(queue) }
        }.get()
        for byte in 0..<20 as Range<UInt8> {
            stream.send([byte])
            #expect(await stream.next() == [byte])
        }
        busy.stop()
        stream.close()
        try await group.shutdownGracefully()
    }
}
