package import BodkinCore
package import BodkinProtocols
package import NIOCore
import NIOSSL
import NIOTLS

/// Why a path came to nothing.
package enum PathError: Error {
    /// What answers speaks neither TLS nor the preamble of this attempt.
    case foreign
    /// It answered nothing for so long.
    case silent(Duration)
    /// Our address that it leaves from is ours no more.
    case addressGone
}

extension PathError: CustomStringConvertible {
    /// In words.
    package var description: String {
        switch self {
        case .foreign: "who answered speaks something else"
        case .silent(let limit): "nothing came for \(limit.inMilliseconds), though an answer was due"
        case .addressGone: "our address is gone"
        }
    }
}

/// One encrypted way between two peers: TLS 1.3, mutually authenticated by peer ID, on a TCP connection or a circuit. Confined to its event loop.
package final class Path {
    /// What happens on it.
    package enum Event {
        /// The handshake has authenticated the remote end as this peer.
        case secured(PeerID)
        /// Bytes of the session.
        case bytes(ByteBuffer)
        /// What was there to read has been read.
        case readCompleted
        /// It takes more bytes, or no more for now.
        case writabilityChanged
        /// It is gone; the error says why its handshake or its connection failed.
        case closed((any Error)?)
    }

    /// The most bytes that are read at once.
    private static let largestRead = 262_144

    /// What it runs over.
    package let kind: PathKind
    /// The channel under it.
    package let channel: any Channel
    /// The remote endpoint; nil for a circuit.
    package let remote: Endpoint?
    /// Our endpoint; nil for a circuit.
    package let local: Endpoint?
    /// The remote peer; nil before the handshake has authenticated it.
    package private(set) var peer: PeerID?
    /// Where events go, on the event loop.
    package var onEvent: (Event) -> Void = { _ in }
    /// Whether it follows on earlier connections between the same endpoints. A late answer to one of them is refused by an RST, and a NAT that has seen that forgets
    /// the connection as soon as it is idle for 10 s (Linux: `nf_conntrack_tcp_timeout_close`).
    package var followsOthers = false
    /// Whether any byte has come from the remote end, a byte of the handshake included.
    package private(set) var hasHeard = false
    /// What the handshake has taken: a round trip, and the reckoning at both ends; nil before it is over.
    package private(set) var handshakeTime: Duration?
    /// How fast it takes bytes.
    package private(set) var pace = OutputPace()
    private let made: NIODeadline
    /// From when the handshake counts.
    private var start: NIODeadline
    /// How long the handshake may take.
    private let handshakeTimeout: TimeAmount
    private var deadline: OneShot?
    private var hasTimedOut = false
    private var isClosed = false
    /// What was sent and not flushed.
    private var unflushed = 0

    init(kind: PathKind, channel: any Channel, within handshakeTimeout: TimeAmount) {
        self.kind = kind
        self.handshakeTimeout = handshakeTimeout
        self.channel = channel
        made = channel.eventLoop.now
        start = made
        remote = Endpoint(channel.remoteAddress)
        local = Endpoint(channel.localAddress)
        if kind == .tcp {
            allowUnsent()
            // What many small reads would bring is taken in at once: the way to the application and back is the same for 1 KiB and for 256.
            channel.setOption(.maxMessagesPerRead, value: 1).whenComplete { _ in }
            let allocator = AdaptiveRecvByteBufferAllocator(minimum: 2_048, initial: 2_048, maximum: Self.largestRead)
            channel.setOption(.recvAllocator, value: allocator).whenComplete { _ in }
        }
        limitHandshake()
    }

    private func limitHandshake() {
        deadline?.cancel()
        deadline = OneShot.patient(on: channel.eventLoop, in: start + handshakeTimeout - channel.eventLoop.now) { [weak self] in
            self?.hasTimedOut = true
            self?.close()
        }
    }

    /// The remote peer can answer from then on, at the earliest from when the path was made: the handshake's time counts from there.
    package func expectHandshake(from start: NIODeadline) {
        guard peer == nil, !isClosed else { return }
        self.start = max(start, made)
        limitHandshake()
    }

    /// Whether bytes may be written now.
    package var isWritable: Bool { channel.isWritable && !isClosed }

    /// Little is ever stuck in a path that another one takes over from.
    private func allowUnsent() {
        channel.setOption(ChannelOptions.Types.SocketOption.unsentLimit, value: pace.unsentLimit).whenComplete { _ in }
    }

    /// Sends bytes, at the next ``flush()`` at the latest.
    package func send(_ output: PathOutput) {
        let before = pace.unsentLimit
        pace.sent(output.count, at: .nanoseconds((channel.eventLoop.now - start).nanoseconds))
        if kind == .tcp, pace.unsentLimit != before { allowUnsent() }
        channel.write(output.head, promise: nil)
        if let body = output.body { channel.write(body, promise: nil) }
        unflushed += output.count
        if unflushed >= pace.batch { flush() }
    }

    /// Hands what was sent to the system.
    package func flush() {
        guard unflushed > 0 else { return }
        unflushed = 0
        channel.flush()
    }

    /// Ends it: what was flushed still arrives.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        deadline?.cancel()
        channel.close(promise: nil)
    }

    /// Ends it at once: its descriptor is free in the same turn, because nobody waits for the remote end's close_notify.
    package func cutOff() {
        guard !isClosed else { return }
        isClosed = true
        deadline?.cancel()
        ReservedPort.closeBelowTLS(channel)
    }

    /// Ends it at once and silently, because nobody answers: its endpoints are free for another.
    package func discard() {
        guard !isClosed else { return }
        isClosed = true
        deadline?.cancel()
        onEvent = { _ in }
        ReservedPort.discard(channel)
    }

    fileprivate func heard() { hasHeard = true }

    func secured(_ peer: PeerID) {
        deadline?.cancel()
        self.peer = peer
        // A remote peer may answer before it was expected to.
        if start > channel.eventLoop.now { start = made }
        handshakeTime = .nanoseconds((channel.eventLoop.now - start).nanoseconds)
        onEvent(.secured(peer))
    }

    fileprivate func closed(_ error: (any Error)?) {
        isClosed = true
        deadline?.cancel()
        let report = onEvent
        onEvent = { _ in }
        report(.closed(error ?? (hasTimedOut ? PathError.silent(Duration(handshakeTimeout)) : nil)))
    }
}

/// The outermost handler of a path, until the first byte has come.
final class FirstByteHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    private weak var path: Path?

    init(_ path: Path) { self.path = path }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        path?.heard()
        context.fireChannelRead(data)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}

/// The innermost handler of a path.
final class PathHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let path: Path
    private let certificate: () -> NIOSSLCertificate?
    private var error: (any Error)?

    /// - Parameter certificate: gives the remote peer's. The first TLS of the pipeline may be a relay's.
    init(_ path: Path, certificate: @escaping () -> NIOSSLCertificate?) { (self.path, self.certificate) = (path, certificate) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let name) = event as? TLSUserEvent {
            guard name == TLSContexts.peerProtocol, let peer = certificate().flatMap({ CertificateIdentity.peerID(of: $0) })
            else { return context.close(promise: nil) }
            path.secured(peer)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // NIOSSL reads into the same storage again, and copies all of that where somebody retains a slice of it: so a reader that retains bytes copies them.
        path.onEvent(.bytes(unwrapInboundIn(data)))
    }
    func channelReadComplete(context: ChannelHandlerContext) { path.onEvent(.readCompleted) }
    func channelWritabilityChanged(context: ChannelHandlerContext) { path.onEvent(.writabilityChanged) }
    func channelInactive(context: ChannelHandlerContext) { path.closed(error) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // TLS 1.3 peers that go away without close_notify are everyday life; the records say what has arrived.
        self.error = self.error ?? error
        context.close(promise: nil)
    }
}
