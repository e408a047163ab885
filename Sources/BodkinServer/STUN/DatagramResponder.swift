import BodkinCore
import BodkinProtocols
import NIOCore

/// STUN over UDP on one socket (RFC 8489 section 6.2.1), with the others at hand for CHANGE-REQUEST (RFC 5780).
final class DatagramResponder: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let local: Endpoint
    private let sockets: STUNSocketTable
    /// A peer authenticates itself over TCP only, because there a source cannot be forged.
    private let responder = BindingResponder(authentication: .ignored, software: "bodkin")

    init(local: Endpoint, sockets: STUNSocketTable) {
        self.local = local
        self.sockets = sockets
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let datagram = unwrapInboundIn(data)
        guard let source = Endpoint(datagram.remoteAddress), sockets.takes(from: source.address),
            let message = try? STUNMessage(Array(datagram.data.readableBytesView)),
            let answer = responder.answer(to: message, from: source, at: local, other: sockets.other(than: local), over: .udp),
            let destination = try? answer.destination.socketAddress(),
            sockets.answers(answer.bytes.count, to: datagram.data.readableBytes, from: source.address)
        else { return }
        let envelope = AddressedEnvelope(remoteAddress: destination, data: ByteBuffer(bytes: answer.bytes))
        // A full socket drops, as the network may.
        if answer.origin == local {
            if context.channel.isWritable { context.writeAndFlush(wrapOutboundOut(envelope), promise: nil) }
        } else if let socket = sockets.socket(at: answer.origin), socket.isWritable {
            socket.writeAndFlush(envelope, promise: nil)
        }
    }

    /// What one datagram meets (a closed port, say) does not concern the others.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
