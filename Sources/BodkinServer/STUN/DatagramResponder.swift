import BodkinCore
import BodkinProtocols
import NIOCore

/// STUN over UDP on one socket (RFC 8489 section 6.2.1), with the others at hand for CHANGE-REQUEST (RFC 5780).
final class DatagramResponder: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let local: Endpoint
    private let places: STUNPlaces
    /// A peer authenticates itself over TCP only, because there a source cannot be forged.
    private let responder = BindingResponder(authentication: .ignored, software: "bodkin")

    init(local: Endpoint, places: STUNPlaces) {
        self.local = local
        self.places = places
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let datagram = unwrapInboundIn(data)
        guard let source = Endpoint(datagram.remoteAddress), let message = try? STUNMessage(Array(datagram.data.readableBytesView)),
            let answer = responder.answer(to: message, from: source, at: local, other: places.other(than: local), over: .udp),
            let destination = try? answer.destination.socketAddress()
        else { return }
        let envelope = AddressedEnvelope(remoteAddress: destination, data: ByteBuffer(bytes: answer.bytes))
        // A full socket drops, as the network may.
        if answer.origin == local {
            if context.channel.isWritable { context.writeAndFlush(wrapOutboundOut(envelope), promise: nil) }
        } else if let socket = places.socket(at: answer.origin), socket.isWritable {
            socket.writeAndFlush(envelope, promise: nil)
        }
    }

    /// What one datagram meets (a closed port, say) does not concern the others.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
