import BodkinProtocols
import NIOCore
import NIOPosix

/// The NAT-binding connection of a peer of the load: asks, proves itself with the nonce of the answer, and is refreshed every 25 s, as real ones are.
final class BindingLoad: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let credential: STUNCredential
    private let ledger: DialLedger
    private let proved: EventLoopPromise<Void>
    private var framer = STUNFramer()
    private var refreshing: RepeatedTask?
    private var nonce: STUNMessage.Nonce?

    private init(_ credential: STUNCredential, _ ledger: DialLedger, _ proved: EventLoopPromise<Void>) {
        self.credential = credential
        self.ledger = ledger
        self.proved = proved
    }

    /// Connects, and waits for the server's proof that it has taken ours.
    static func connect(
        _ host: String, _ port: UInt16, _ credential: STUNCredential, on loop: any EventLoop, ledger: DialLedger
    ) async throws -> any Channel {
        let proved = loop.makePromise(of: Void.self)
        do {
            let channel = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(BindingLoad(credential, ledger, proved))
                    }
                }
                .connect(host: host, port: Int(port)).get()
            try await proved.futureResult.get()
            return channel
        } catch {
            proved.fail(error)
            throw error
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        let own = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        refreshing = context.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .seconds(25)) { _ in
            let (handler, context) = own.value
            handler.ask(context)
        }
    }

    private func ask(_ context: ChannelHandlerContext) {
        let request = STUNMessage.bindingRequest(credential: nonce == nil ? nil : credential, nonce: nonce)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: request.bytes)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        do {
            while let answer = try framer.next(from: &bytes) {
                let isFirst = nonce == nil
                nonce = try answer.attribute(STUNMessage.Nonce.self)
                guard !isFirst else {
                    ask(context)
                    continue
                }
                guard answer.class == .success, answer.verifiedIntegrity(key: credential.key) != nil else {
                    refused("a NAT-binding connection was not taken: \(answer.class)")
                    continue
                }
                proved.succeed()
            }
        } catch {
            refused("\(error)")
        }
    }

    private func refused(_ what: String) {
        ledger.fail(what)
        proved.fail(LoadRefusal(message: what))
    }

    func channelInactive(context: ChannelHandlerContext) {
        refreshing?.cancel()
        refused("a NAT-binding connection ended")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        refused("\(error)")
        context.close(promise: nil)
    }
}
