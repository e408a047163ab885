package import BodkinCore
package import BodkinProtocols
package import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// A route to the rendezvous server: one of its addresses, by one interface.
package struct ServerRoute: Hashable, Sendable {
    /// The server's endpoint.
    package var endpoint: Endpoint
    /// The name that the URL has for it.
    package var name: String
    /// The interface to leave by; nil for the one that the system's routes name.
    package var interface: String?

    /// A route from its parts.
    package init(endpoint: Endpoint, name: String, interface: String? = nil) {
        self.endpoint = endpoint
        self.name = name
        self.interface = interface
    }
}

/// The TLS connection to the rendezvous server. It tries all routes at once, and uses the first on which the server authenticates itself.
///
/// Confined to its event loop.
package final class RendezvousLink {
    /// An event on the link.
    package enum Event {
        /// The server is authenticated.
        case up
        /// A message.
        case message(WireEnvelope.OneOf_Body)
        /// It is over, or never came up.
        case down(TransportError)
    }

    /// How long a server may take to prove itself, all routes together.
    private static let timeout = TimeAmount.seconds(10)
    /// When a route whose TCP is not up is tried once more beside the first try, and then again after twice the time, four times this at most: a lost SYN is
    /// repeated by the system only after a second, and then ever more seldom (RFC 6298 section 2), and most servers are nearer than this (the delay of
    /// RFC 8305 section 5, rounded up). Where connections wait for it, always after so long.
    private static let patience = TimeAmount.milliseconds(300)
    /// How long a handshake may be silent before its route is tried once more: what has come between may be a NAT that forgot the connection. Longer than a server
    /// needs to which all its peers come back at once.
    private static let handshakePatience = TimeAmount.seconds(3)
    /// Whether somebody waits for it who has nothing else.
    package var isUrgent: () -> Bool = { false }

    /// What may wait for a server that does not read: the windows of more than a hundred circuits, in bytes.
    private static let outboundLimit = 33_554_432

    private let gate: Gate
    private let eventLoop: any EventLoop
    private let url: RendezvousURL
    private let certificate: CertificateIdentity
    private let onEvent: (Event) -> Void
    private var hasGreeted = false
    private var candidates: [any Channel] = []
    private var pendingRoutes = 0
    /// When the TCP of a route came up last.
    private var connectedAt: [ServerRoute: NIODeadline] = [:]
    private var retryTimers: [OneShot] = []
    private var channel: (any Channel)?
    private var envelopes: EnvelopeHandler?
    private var failure: TransportError?
    private var deadline: OneShot?
    private var isOver = false
    /// The route that the connection came up by; nil before.
    package private(set) var route: ServerRoute?
    /// SHA-256 of the server's public key; nil before the server is authenticated.
    package private(set) var serverKeyHash: [UInt8]?

    /// Connects. `onEvent` is called on the event loop, never from inside this.
    package init(
        _ url: RendezvousURL, routes: [ServerRoute], certificate: CertificateIdentity, through gate: Gate,
        on eventLoop: any EventLoop, onEvent: @escaping (Event) -> Void
    ) {
        self.gate = gate
        self.eventLoop = eventLoop
        self.url = url
        self.certificate = certificate
        self.onEvent = onEvent
        pendingRoutes = routes.count
        deadline = OneShot(on: eventLoop, in: Self.timeout) { [weak self] in self?.giveUp() }
        for route in routes {
            connect(route)
            retry(route, in: Self.patience)
        }
        if routes.isEmpty { eventLoop.assumeIsolated().execute { [weak self] in self?.giveUp() } }
    }

    /// Sends a message; what is sent in one turn of the event loop leaves together. HELLO is the first one, always: what belongs to an earlier connection is of
    /// no use on this one, and the server would end it.
    package func send(_ body: WireEnvelope.OneOf_Body, flush: Bool = true) {
        if case .hello = body { hasGreeted = true }
        guard hasGreeted else { return }
        channel?.write(body, promise: nil)
        if flush { channel?.flush() }
        if let envelopes, envelopes.waitingByteCount > Self.outboundLimit { stall() }
    }

    /// Gives up a link whose server does not read. The owner hears of it later, because it is about to send.
    private func stall() {
        guard !isOver else { return }
        discard()
        let error = TransportError(.serverUnreachable, "The rendezvous server does not read what it is sent. Ask its operator.")
        eventLoop.assumeIsolated().execute { [self] in onEvent(.down(error)) }
    }

    /// Sends what was written.
    package func flush() { channel?.flush() }

    /// How long no packet has come from the server; nil where the system does not tell.
    package var packetSilence: Duration? { channel.flatMap { Transmission($0) }?.silence }

    /// Ends a link that carries nothing any more, without waiting for the server: a plain close would wait for its acknowledgement for minutes.
    package func discard() {
        guard !isOver, let channel else { return close() }
        isOver = true
        stopConnecting()
        ReservedPort.discard(channel)
    }

    /// Our endpoint; nil before the server is authenticated.
    package var local: Endpoint? { channel.flatMap { Endpoint($0.localAddress) } }

    /// Ends it.
    package func close() {
        guard !isOver else { return }
        isOver = true
        stopConnecting()
        for candidate in candidates { candidate.close(promise: nil) }
        candidates = []
        channel?.close(promise: nil)
    }

    /// Tries no further route.
    private func stopConnecting() {
        deadline?.cancel()
        for task in retryTimers { task.cancel() }
        retryTimers = []
    }

    /// Connects once more, again and again, as long as there is neither a connection nor an error.
    private func retry(_ route: ServerRoute, in patience: TimeAmount) {
        retryTimers.append(
            OneShot(on: eventLoop, in: patience) { [weak self] in
                guard let self, !self.isOver, self.pendingRoutes > 0 else { return }
                if self.connectedAt[route].map({ self.eventLoop.now - $0 >= Self.handshakePatience }) ?? true {
                    self.pendingRoutes += 1
                    self.connect(route)
                }
                self.retry(route, in: self.isUrgent() ? Self.patience : min(patience * 2, Self.patience * 4))
            })
    }

    private func connect(_ route: ServerRoute) {
        let connecting = gate.connect(
            to: route.endpoint, by: route.interface, within: Self.timeout, for: .server, configure: { self.candidates.append($0) })
        connecting.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let channel):
                self.connectedAt[route] = self.eventLoop.now
                self.secure(channel, route)
            case .failure(let error): self.lost(route, error)
            }
        }
    }

    private func secure(_ channel: any Channel, _ route: ServerRoute) {
        guard !isOver, self.channel == nil else { return channel.close(promise: nil) }
        do {
            try channel.pipeline.syncOperations.addHandler(try tls(for: route))
            try channel.pipeline.syncOperations.addHandler(EnvelopeHandler())
            try channel.pipeline.syncOperations.addHandler(LinkHandler(self, route))
            channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
        } catch {
            channel.close(promise: nil)
            lost(route, error)
        }
    }

    private func tls(for route: ServerRoute) throws -> NIOSSLClientHandler {
        guard let keyHash = url.keyHash else {
            guard IPAddress(route.name) == nil else {
                throw TransportError(
                    .serverImpostor, "The URL cannot authenticate the server \(route.endpoint). Use a URL with key=, or with the server's name.")
            }
            return try NIOSSLClientHandler(context: TLSContexts.clientOfNamedServer(certificate), serverHostname: route.name)
        }
        let context = try TLSContexts.client(certificate, protocol: TLSContexts.rendezvousProtocol)
        return try NIOSSLClientHandler(context: context, serverHostname: nil) { certificates, promise in
            let isServer = certificates.first.flatMap { try? CertificateIdentity.publicKeyHash(of: $0) } == keyHash
            promise.succeed(isServer ? .certificateVerified : .failed)
        }
    }

    fileprivate func up(_ channel: any Channel, _ route: ServerRoute, protocol name: String?) {
        guard !isOver, self.channel == nil else { return channel.close(promise: nil) }
        guard name == TLSContexts.rendezvousProtocol else {
            channel.close(promise: nil)
            return lost(route, TransportError(.serverProtocol, "\(route.endpoint) is not a Bodkin rendezvous server. Check the port in the URL."))
        }
        stopConnecting()
        self.route = route
        self.channel = channel
        envelopes = try? channel.pipeline.syncOperations.handler(type: EnvelopeHandler.self)
        serverKeyHash = (try? channel.pipeline.syncOperations.nioSSL_peerCertificate()).flatMap { $0 }
            .flatMap { try? CertificateIdentity.publicKeyHash(of: $0) }
        for other in candidates where other !== channel { other.close(promise: nil) }
        candidates = []
        onEvent(.up)
    }

    fileprivate func received(_ envelope: WireEnvelope, on channel: any Channel) {
        guard !isOver, channel === self.channel, let body = envelope.body else { return }
        onEvent(.message(body))
    }

    fileprivate func ended(_ channel: any Channel, _ route: ServerRoute, _ error: (any Error)?) {
        guard !isOver else { return }
        if channel === self.channel {
            isOver = true
            stopConnecting()
            let text = error.map { " (\($0.inPlainWords))" } ?? ""
            onEvent(.down(TransportError(.serverRefused, "The rendezvous server closed the connection\(text). Try again later.", cause: error)))
        } else if self.channel == nil {
            lost(route, error ?? TransportError(.serverRefused, "\(route.endpoint) closed the connection. Check the URL."))
        }
    }

    private func lost(_ route: ServerRoute, _ error: any Error) {
        pendingRoutes -= 1
        failure = Self.explanation(error, route) ?? failure
        if pendingRoutes == 0 { giveUp() }
    }

    private func giveUp() {
        guard !isOver, channel == nil else { return }
        close()
        onEvent(
            .down(
                failure
                    ?? TransportError(.serverUnreachable, "The rendezvous server \(url.authority) did not answer. Check the network and the URL.")))
    }

    private static func explanation(_ error: any Error, _ route: ServerRoute) -> TransportError? {
        switch error {
        case let error as TransportError: error
        case _ where TransportError.isEndOfHandshake(error):
            TransportError(
                .serverRefused,
                "\(route.endpoint) closed the connection during the handshake. Try again in a minute, because the server may be starting or full.",
                cause: error)
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            TransportError(
                .serverImpostor,
                "\(route.endpoint) is not the rendezvous server that the URL names. Get the current URL from the server's operator.",
                cause: error)
        case is IOError, is ChannelError, is NIOConnectionError:
            TransportError(
                .serverUnreachable,
                "The rendezvous server \(route.endpoint) cannot be reached (\(error.inPlainWords)). Check the network and the URL.", cause: error)
        default:
            TransportError(
                .serverUnreachable, "The rendezvous server \(route.endpoint) cannot be reached (\(error.inPlainWords)). Check the URL.", cause: error)
        }
    }
}

/// Passes on what happens on one route.
private final class LinkHandler: ChannelInboundHandler {
    typealias InboundIn = WireEnvelope
    private weak var owner: RendezvousLink?
    private let route: ServerRoute
    private var error: (any Error)?

    init(_ owner: RendezvousLink, _ route: ServerRoute) {
        self.owner = owner
        self.route = route
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let name) = event as? TLSUserEvent { owner?.up(context.channel, route, protocol: name) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { owner?.received(unwrapInboundIn(data), on: context.channel) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = self.error ?? error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { owner?.ended(context.channel, route, error) }
}
