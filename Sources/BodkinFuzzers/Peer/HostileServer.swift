import BodkinCore
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import FoundationEssentials
import NIOCore
import NIOEmbedded
import NIOSSL

/// A rendezvous server on a virtual host that knows what an honest one says, and says what it wants. Confined to the network's event loop.
final class HostileServer {
    let url: RendezvousURL
    /// The latest link, until it ends.
    private(set) var link: (any Channel)?
    /// Is told what the peer says.
    var onMessage: (WireEnvelope.OneOf_Body) -> Void = { _ in }
    /// Answers a Binding request.
    var onRequest: (STUNMessage, Endpoint) -> [UInt8]? = { _, _ in nil }
    private(set) var linkCount = 0
    private let context: NIOSSLContext
    private var listeners: [any Channel] = []

    init(_ keys: HostileKeys, on network: VirtualNetwork) throws {
        context = try TLSContexts.server(keys.server, protocol: TLSContexts.rendezvousProtocol)
        let host = network.host("server")
        url = RendezvousURL(hosts: [.init("\(host.addresses[0])", 4433)], keyHash: keys.serverHash, token: nil)
        for port in [4433, url.stunPort, url.stunPort + 1] {
            let accept: (any Channel) throws -> Void = { [weak self] in port == 4433 ? try self?.accept($0) : try self?.acceptSTUN($0) }
            listeners.append(
                try host.listen(.v4, port: port, isShared: false, on: network.loop, accept: NIOLoopBound(accept, eventLoop: network.loop)).wait())
        }
    }

    private func accept(_ channel: any Channel) throws {
        let tls = NIOSSLServerHandler(context: context) { _, promise in promise.succeed(.certificateVerified) }
        try channel.pipeline.syncOperations.addHandlers([tls, ServerLink(self)])
        channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
    }

    private func acceptSTUN(_ channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandler(HostileSTUN(self))
        channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
    }

    /// Sends bytes, one message or none; they leave at the next ``flush()``.
    func send(_ bytes: [UInt8]) { link?.write(ByteBuffer(bytes: bytes), promise: nil) }

    func flush() { link?.flush() }

    /// Ends the link.
    func hangUp() { link?.close(promise: nil) }

    fileprivate func began(_ channel: any Channel) {
        linkCount += 1
        link = channel
    }

    fileprivate func ended(_ channel: any Channel) { if link === channel { link = nil } }
}

/// A link of the peer.
private final class ServerLink: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private weak var server: HostileServer?
    private var unread = ByteBuffer()

    init(_ server: HostileServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        unread.writeBuffer(&bytes)
        while let envelope = try? EnvelopeFraming.read(from: &unread) {
            guard let body = envelope.body else { continue }
            if case .hello = body { server?.began(context.channel) }
            server?.onMessage(body)
        }
        unread.discardReadBytes()
    }

    func channelInactive(context: ChannelHandlerContext) { server?.ended(context.channel) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// A connection to the server's STUN port.
private final class HostileSTUN: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private weak var server: HostileServer?
    private var framer = STUNFramer()

    init(_ server: HostileServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        while let request = try? framer.next(from: &bytes) {
            guard let source = Endpoint(context.remoteAddress), let answer = server?.onRequest(request, source) else { continue }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer)), promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
