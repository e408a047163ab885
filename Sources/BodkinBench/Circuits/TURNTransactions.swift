import BodkinProtocols
import NIOCore

/// Requests of a TURN client over one TCP connection, one after another, each answered before the next.
struct TURNTransactions: Sendable {
    /// What is asked for (RFC 8656 section 17, RFC 6062 section 6.1).
    enum Method: UInt16 {
        case allocate = 0x003
        case createPermission = 0x008
        case connect = 0x00A
        case connectionBind = 0x00B
    }

    private let channel: any Channel
    private let handler: NIOLoopBound<TURNTransactionHandler>

    init(_ channel: any Channel) async throws {
        self.channel = channel
        handler = try await channel.eventLoop.submit {
            let handler = TURNTransactionHandler(channel.eventLoop)
            try channel.pipeline.syncOperations.addHandler(handler)
            return NIOLoopBound(handler, eventLoop: channel.eventLoop)
        }.get()
    }

    /// Sends a request and waits for its answer.
    /// - Throws: ``BenchmarkFailure`` with the answer's ERROR-CODE, where it is no success.
    func request(_ method: Method, _ attributes: [any STUNMessage.Attribute]) async throws -> STUNMessage {
        guard let number = STUNMessage.Method(rawValue: method.rawValue) else { throw BenchmarkFailure("no such method") }
        var request = STUNMessage(.request, number)
        for attribute in attributes { try request.append(attribute) }
        let (handler, bytes) = (handler, ByteBuffer(bytes: request.bytes))
        let answer = try await channel.eventLoop.flatSubmit { handler.value.send(bytes) }.get()
        guard answer.class == .success, answer.transactionID == request.transactionID else {
            let code = try? answer.attribute(STUNMessage.ErrorCode.self)
            throw BenchmarkFailure("coturn refuses \(method): \(code.map { "\($0)" } ?? "\(answer.class)")")
        }
        return answer
    }

    /// Leaves the connection to others.
    func remove() async throws {
        let (handler, channel) = (handler, channel)
        try await channel.eventLoop.flatSubmit { channel.pipeline.syncOperations.removeHandler(handler.value) }.get()
    }
}

private final class TURNTransactionHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let loop: any EventLoop
    private var framer = STUNFramer()
    private var context: ChannelHandlerContext?
    private var answer: EventLoopPromise<STUNMessage>?

    init(_ loop: any EventLoop) { self.loop = loop }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func send(_ request: ByteBuffer) -> EventLoopFuture<STUNMessage> {
        guard let context, context.channel.isActive else { return loop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
        let promise = context.eventLoop.makePromise(of: STUNMessage.self)
        answer = promise
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
        return promise.futureResult
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        do {
            while let message = try framer.next(from: &bytes) {
                answer?.succeed(message)
                answer = nil
            }
        } catch {
            errorCaught(context: context, error: error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer?.fail(ChannelError.eof)
        answer = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer?.fail(error)
        answer = nil
        context.close(promise: nil)
    }
}
