package import BodkinCore
package import BodkinProtocols
package import NIOCore
import NIOSSL

/// Makes paths of channels: TLS in the right role, and the preamble before it. Confined to its event loop.
package final class PathFactory {
    private let client: NIOSSLContext
    private let server: NIOSSLContext
    /// How long the handshakes of further paths may take, the remote peer's preamble included: 10 s, or more where round trips are long.
    package var handshakeTimeout = TimeAmount.seconds(10)

    /// A factory for one identity.
    package init(_ certificate: CertificateIdentity) throws {
        client = try TLSContexts.client(certificate, protocol: TLSContexts.peerProtocol)
        server = try TLSContexts.server(certificate, protocol: TLSContexts.peerProtocol)
    }

    /// The dialer's end: the TLS client, who expects one peer.
    /// - Parameter attempt: the attempt whose preamble the remote peer may send first; nil on a circuit.
    package func client(_ channel: any Channel, kind: PathKind, expecting peer: PeerID, skipping attempt: AttemptID?) throws -> Path {
        let path = Path(kind: kind, channel: channel, within: handshakeTimeout)
        try channel.pipeline.syncOperations.addHandler(FirstByteHandler(path))
        if let attempt { try channel.pipeline.syncOperations.addHandler(PreambleSkipper(attempt)) }
        try addClient(to: channel, expecting: peer, path)
        return path
    }

    /// The called side's end of a connection that it opened, or of a circuit: the TLS server.
    /// - Parameters:
    ///   - attempt: the attempt to name in a preamble; nil on a circuit.
    ///   - admits: whether a peer may connect.
    package func server(_ channel: any Channel, kind: PathKind, announcing attempt: AttemptID?, admits: @escaping (PeerID) -> Bool) throws -> Path {
        let path = Path(kind: kind, channel: channel, within: handshakeTimeout)
        try channel.pipeline.syncOperations.addHandler(FirstByteHandler(path))
        if let attempt { channel.writeAndFlush(ByteBuffer(bytes: Preamble.bytes(of: attempt)), promise: nil) }
        try addServer(to: channel, path, admits: admits)
        return path
    }

    /// An accepted connection: its first bytes tell whether the remote peer is a dialer or was called by us.
    /// - Parameters:
    ///   - expected: the peer that an attempt of ours has dialed; nil where there is no such attempt.
    ///   - admits: whether a peer may connect.
    ///   - decided: is told, before the handshake, the attempt that the preamble names, if there is one.
    package func accepted(
        _ channel: any Channel, expected: @escaping (AttemptID) -> PeerID?, admits: @escaping (PeerID) -> Bool,
        decided: @escaping (AttemptID?) -> Void
    ) throws -> Path {
        let path = Path(kind: .tcp, channel: channel, within: handshakeTimeout)
        let reader = PreambleReader { reading in
            switch reading {
            case .tls:
                try self.addServer(to: channel, path, admits: admits)
                decided(nil)
                return true
            case .attempt(let attempt):
                guard let peer = expected(attempt) else { return false }
                try self.addClient(to: channel, expecting: peer, path)
                decided(attempt)
                return true
            case .foreign, .incomplete: return false
            }
        }
        try channel.pipeline.syncOperations.addHandler(reader)
        return path
    }

    private func addClient(to channel: any Channel, expecting peer: PeerID, _ path: Path) throws {
        let tls = try NIOSSLClientHandler(context: client, serverHostname: nil) { certificates, promise in
            promise.succeed(certificates.first.flatMap { CertificateIdentity.peerID(of: $0) } == peer ? .certificateVerified : .failed)
        }
        try channel.pipeline.syncOperations.addHandlers([tls, PathHandler(path) { tls.peerCertificate }])
    }

    private func addServer(to channel: any Channel, _ path: Path, admits: @escaping (PeerID) -> Bool) throws {
        let tls = NIOSSLServerHandler(context: server) { certificates, promise in
            let isAdmitted = certificates.first.flatMap { CertificateIdentity.peerID(of: $0) }.map(admits) ?? false
            promise.succeed(isAdmitted ? .certificateVerified : .failed)
        }
        try channel.pipeline.syncOperations.addHandlers([tls, PathHandler(path) { tls.peerCertificate }])
    }
}

/// Reads the first bytes of an accepted connection and then gets out of the way.
private final class PreambleReader: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    private var unread = ByteBuffer()
    private var decide: ((Preamble.Reading) throws -> Bool)?

    init(_ decide: @escaping (Preamble.Reading) throws -> Bool) { self.decide = decide }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let decide else { return context.fireChannelRead(data) }
        var bytes = unwrapInboundIn(data)
        unread.writeBuffer(&bytes)
        let reading = Preamble.read(unread.readableBytesView)
        guard reading != .incomplete else { return }
        self.decide = nil
        guard (try? decide(reading)) == true else { return context.close(promise: nil) }
        if case .attempt = reading { unread.moveReaderIndex(forwardBy: Preamble.size) }
        if unread.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(unread)) }
        unread = ByteBuffer()
        context.fireChannelReadComplete()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}

/// Skips the preamble that the called side sends when both have opened the same connection.
private final class PreambleSkipper: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    private var unread = ByteBuffer()
    private let attempt: AttemptID

    init(_ attempt: AttemptID) { self.attempt = attempt }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        unread.writeBuffer(&bytes)
        switch Preamble.read(unread.readableBytesView) {
        case .incomplete: return
        case .tls: break
        case .attempt(attempt): unread.moveReaderIndex(forwardBy: Preamble.size)
        case .attempt, .foreign:
            context.fireErrorCaught(PathError.foreign)
            return context.close(promise: nil)
        }
        if unread.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(unread)) }
        unread = ByteBuffer()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}
