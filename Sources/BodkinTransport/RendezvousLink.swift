package import BodkinCore
package import BodkinProtocols
package import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// The TLS connection to the rendezvous server. It races the addresses of the server (RFC 8305), and uses the first on which the server authenticates itself.
///
/// The first address is tried at once by every interface, and each further one 250 ms after the one before, or as soon as that has failed. Former addresses, which
/// the server's name does not lead to any more, come last.
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

    /// How long nothing may happen before all routes are given up: a SYN-ACK is something, since on a way of 8 s a handshake takes another 8 s. And how long a
    /// server may take to prove itself whatever happens.
    private static let timeouts = (idle: TimeAmount.seconds(10), total: TimeAmount.seconds(30))
    /// How long an address has before the next one is tried beside it (RFC 8305 section 5), and how long all others have before a former address is.
    private static let staggers = (next: TimeAmount.milliseconds(250), former: TimeAmount.seconds(2))
    /// When a route whose TCP is not up is tried once more beside the first try, and then again after twice the time, four times this at most: a lost SYN is
    /// repeated by the system only after a second, and then with exponential back-off (RFC 6298 section 2), and most servers are nearer than this (the delay of
    /// RFC 8305 section 5, rounded up). Where connections wait for it, always after so long. Never before an answer can be here.
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
    /// The attempts that have come to nothing yet, and the addresses that are still to be tried, each with its routes.
    private var pendingAttempts = 0
    private var waiting: [[ServerRoute]] = []
    private var formerRoutes: [ServerRoute]
    private var tried: Set<ServerRoute> = []
    /// The routes to the address that was begun last, and the attempts by them that have come to nothing yet.
    private var newest: (routes: [ServerRoute], pending: Int) = ([], 0)
    private var nextAddress: OneShot?
    private let start: NIODeadline
    /// The time that an answer takes, as far as it is known.
    private let roundTrip: TimeAmount
    /// When the TCP of a route came up last, and how long that took.
    private var connected: [ServerRoute: (at: NIODeadline, after: TimeAmount)] = [:]
    private var retryTimers: [OneShot] = []
    private var channel: (any Channel)?
    private var envelopes: EnvelopeHandler?
    /// The most telling reason for which an attempt has failed.
    package private(set) var failure: TransportError?
    /// The number of the last byte before the latest question to the server; nil where there was none.
    private var questionEnd: UInt64?
    private var deadline: OneShot?
    private var isOver = false
    /// Whether the owner has ended it, and so wants to hear no more.
    private var isLeft = false
    /// The route that the connection came up by; nil before.
    package private(set) var route: ServerRoute?
    /// The same where it leads to the server itself, and not to a proxy.
    package var directRoute: ServerRoute? { route.flatMap { $0.tunnel == nil ? $0 : nil } }
    /// How long TCP and TLS took on that route; nil before.
    package private(set) var handshakeTime: Duration?
    /// SHA-256 of the server's public key; nil before the server is authenticated.
    package private(set) var serverKeyHash: [UInt8]?

    /// Connects. `onEvent` is called on the event loop, never from inside this.
    /// - Parameters:
    ///   - routes: the routes to the server, in the order in which its addresses are tried.
    ///   - former: routes that have worked, to addresses that the server's name does not lead to any more.
    ///   - roundTrip: the time that an answer takes, as far as it is known.
    package init(
        _ url: RendezvousURL, routes: [ServerRoute], former: [ServerRoute] = [], roundTrip: TimeAmount = .zero, certificate: CertificateIdentity,
        through gate: Gate, on eventLoop: any EventLoop, onEvent: @escaping (Event) -> Void
    ) {
        self.gate = gate
        self.eventLoop = eventLoop
        self.url = url
        self.certificate = certificate
        self.onEvent = onEvent
        start = eventLoop.now
        formerRoutes = former
        self.roundTrip = roundTrip
        awaitProgress()
        add(routes)
        if tried.isEmpty { eventLoop.assumeIsolated().execute { [weak self] in self?.tryNext() } }
    }

    /// Tries further routes, unless there is a connection already: the resolver has answered.
    package func add(_ routes: [ServerRoute]) {
        guard !isOver, channel == nil else { return }
        let known = tried.union(waiting.joined())
        for route in routes where !known.contains(route) {
            let index = waiting.firstIndex { $0.first?.endpoint == route.endpoint }
            if let index { waiting[index].append(route) } else { waiting.append([route]) }
        }
        if nextAddress == nil { tryNext() }
    }

    /// Why there is no connection yet, as far as anything is known.
    package var obstacle: TransportError {
        if let failure { return failure }
        let what = connected.isEmpty ? "did not answer" : "accepts connections, but sends nothing"
        let who = tried.first?.tunnel.map { "proxy \($0.proxy)" } ?? "rendezvous server \(url.authority)"
        return TransportError(.serverUnreachable, "The \(who) \(what). Check the network and the URL.")
    }

    /// Tries the next address, and gives up where there is none and every attempt has failed.
    private func tryNext() {
        guard !isOver, channel == nil else { return }
        nextAddress?.cancel()
        nextAddress = nil
        if waiting.isEmpty, !formerRoutes.isEmpty {
            // An address that the name leads to has precedence.
            let rest = pendingAttempts > 0 ? start + Self.staggers.former - eventLoop.now : .zero
            guard rest <= .zero else { return nextAddress = OneShot(on: eventLoop, in: rest) { [weak self] in self?.tryNext() } }
            waiting = [formerRoutes]
            formerRoutes = []
        }
        guard !waiting.isEmpty else { return pendingAttempts == 0 ? giveUp() : () }
        let routes = waiting.removeFirst()
        tried.formUnion(routes)
        pendingAttempts += routes.count
        newest = (routes, routes.count)
        if !waiting.isEmpty || !formerRoutes.isEmpty {
            nextAddress = OneShot(on: eventLoop, in: Self.staggers.next) { [weak self] in self?.tryNext() }
        }
        for route in routes {
            connect(route)
            retry(route, in: max(Self.patience, roundTrip * 2))
        }
    }

    /// Gives up when nothing more happens.
    private func awaitProgress() {
        deadline?.cancel()
        let end = min(eventLoop.now + Self.timeouts.idle, start + Self.timeouts.total)
        deadline = OneShot.patient(on: eventLoop, in: end - eventLoop.now) { [weak self] in self?.giveUp() }
    }

    /// Sends a message; what is sent in one turn of the event loop leaves together. HELLO is the first one, always: what belongs to an earlier connection is of
    /// no use on this one, and the server would end it.
    package func send(_ body: WireEnvelope.OneOf_Body, flush: Bool = true) {
        if case .hello = body { hasGreeted = true }
        guard hasGreeted else { return }
        if case .ping = body { noteQuestion() }
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

    /// Whether it is over, by whichever end.
    package var isEnded: Bool { isOver }

    /// Sends what was written.
    package func flush() { channel?.flush() }

    /// How long no packet has come from the server that may announce an answer; nil where the system does not tell. Once the server's system has acknowledged the
    /// latest question, it repeats the answer, after an outage, only when its own time has come: what it acknowledges meanwhile says nothing.
    package var packetSilence: Duration? {
        guard let transmission = channel.flatMap({ Transmission($0) }) else { return nil }
        let isAsked = transmission.acknowledged == transmission.taken || questionEnd.map { transmission.acknowledged > $0 } ?? false
        return isAsked ? transmission.dataSilence : transmission.silence
    }

    /// Everything that was written before a question: what is acknowledged beyond is the question.
    private func noteQuestion() {
        guard let channel, let transmission = Transmission(channel) else { return }
        let buffered = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        questionEnd = transmission.taken + UInt64(buffered + (envelopes?.waitingByteCount ?? 0))
    }

    /// Ends a link that carries nothing any more, without waiting for the server: a plain close would wait for its acknowledgement for minutes.
    package func discard() {
        isLeft = true
        guard !isOver, let channel else { return close() }
        isOver = true
        stopConnecting()
        noteSilence()
        ReservedPort.discard(channel)
    }

    /// Our endpoint; nil before the server is authenticated.
    package var local: Endpoint? { channel.flatMap { Endpoint($0.localAddress) } }

    /// Ends it.
    package func close() {
        isLeft = true
        end()
    }

    private func end() {
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
        nextAddress?.cancel()
        for task in retryTimers { task.cancel() }
        retryTimers = []
    }

    /// Connects once more, again and again, as long as there is neither a connection nor an error.
    private func retry(_ route: ServerRoute, in patience: TimeAmount) {
        retryTimers.append(
            OneShot(on: eventLoop, in: patience) { [weak self] in
                guard let self, !self.isOver, self.pendingAttempts > 0 else { return }
                if self.connected[route].map({ self.eventLoop.now - $0.at >= max(Self.handshakePatience, $0.after * 2) }) ?? true {
                    self.noteSilence()
                    self.pendingAttempts += 1
                    if self.newest.routes.contains(route) { self.newest.pending += 1 }
                    self.connect(route)
                }
                self.retry(route, in: max(self.isUrgent() ? Self.patience : min(patience * 2, Self.patience * 4), self.roundTrip * 2))
            })
    }

    private func connect(_ route: ServerRoute) {
        let begin = eventLoop.now
        let connecting = gate.connect(
            to: route.endpoint, by: route.interface, within: Self.timeouts.idle, for: .server, configure: { self.candidates.append($0) })
        connecting.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let channel):
                if self.connected.updateValue((self.eventLoop.now, self.eventLoop.now - begin), forKey: route) == nil { self.awaitProgress() }
                self.secure(channel, route, since: begin)
            case .failure(let error): self.lost(route, error)
            }
        }
    }

    private func secure(_ channel: any Channel, _ route: ServerRoute, since begin: NIODeadline) {
        guard !isOver, self.channel == nil else { return channel.close(promise: nil) }
        guard let tunnel = route.tunnel else { return authenticate(channel, route, since: begin) }
        do {
            try ProxyTunnel.open(tunnel, on: channel) { result in
                switch result {
                case .success: self.authenticate(channel, route, since: begin)
                case .failure(let refusal):
                    channel.close(promise: nil)
                    self.lost(route, refusal)
                }
            }
            channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
        } catch {
            channel.close(promise: nil)
            lost(route, error)
        }
    }

    /// Has the server prove itself on a connection, or a tunnel, that leads to it.
    private func authenticate(_ channel: any Channel, _ route: ServerRoute, since begin: NIODeadline) {
        guard !isOver, self.channel == nil else { return channel.close(promise: nil) }
        do {
            let judgement = NIOLoopBoundBox<ServerJudgement?>(nil, eventLoop: eventLoop)
            try channel.pipeline.syncOperations.addHandler(try tls(for: route, judgement))
            try channel.pipeline.syncOperations.addHandler(EnvelopeHandler())
            try channel.pipeline.syncOperations.addHandler(LinkHandler(self, route, since: begin, judgement))
            channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
        } catch {
            channel.close(promise: nil)
            lost(route, error)
        }
    }

    private func tls(for route: ServerRoute, _ judgement: NIOLoopBoundBox<ServerJudgement?>) throws -> NIOSSLClientHandler {
        guard let keyHash = url.keyHash else {
            guard IPAddress(route.name) == nil else {
                throw TransportError(
                    .serverImpostor, "The URL cannot authenticate the server \(route.endpoint). Use a URL with key=, or with the server's name.")
            }
            return try NIOSSLClientHandler(context: TLSContexts.clientOfNamedServer(certificate), serverHostname: route.name)
        }
        let nextKeyHash = url.nextKeyHash
        // A front that shares the port may go by the name, which the key replaces for the peer (RFC 6066 section 3: addresses are none).
        let name = IPAddress(route.name) == nil ? route.name : nil
        let context = try TLSContexts.client(certificate, protocol: TLSContexts.rendezvousProtocol)
        return try NIOSSLClientHandler(context: context, serverHostname: name) { certificates, promise in
            let hash = certificates.first.flatMap { try? CertificateIdentity.publicKeyHash(of: $0) }
            let isServer = hash != nil && (hash == keyHash || hash == nextKeyHash)
            judgement.value = isServer ? .rightKey : CertificateIdentity.isSelfMade(certificates) ? .otherKey : .foreign
            promise.succeed(isServer ? .certificateVerified : .failed)
        }
    }

    fileprivate func up(_ channel: any Channel, _ route: ServerRoute, since begin: NIODeadline, protocol name: String?) {
        guard !isOver, self.channel == nil else { return channel.close(promise: nil) }
        guard name == TLSContexts.rendezvousProtocol else {
            channel.close(promise: nil)
            return lost(route, TransportError(.serverProtocol, "\(route.place) is not a Bodkin rendezvous server. Check the port in the URL."))
        }
        stopConnecting()
        self.route = route
        handshakeTime = .nanoseconds((eventLoop.now - begin).nanoseconds)
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

    fileprivate func ended(_ channel: any Channel, _ route: ServerRoute, _ error: (any Error)?, _ judgement: ServerJudgement?) {
        guard !isOver else { return }
        if channel === self.channel {
            isOver = true
            stopConnecting()
            let text = error.map { " (\($0.inPlainWords))" } ?? ""
            onEvent(.down(TransportError(.serverRefused, "The rendezvous server closed the connection\(text). Try again later.", cause: error)))
        } else if self.channel == nil {
            lost(route, error ?? TransportError(.serverRefused, "\(route.place) closed the connection. Check the URL."), judgement)
        }
    }

    private func lost(_ route: ServerRoute, _ error: any Error, _ judgement: ServerJudgement? = nil) {
        guard !isOver, channel == nil else { return }
        pendingAttempts -= 1
        // An error is no silence: the route is tried once more when its turn comes.
        connected[route] = nil
        if newest.routes.contains(route) { newest.pending -= 1 }
        let explanation = Self.explanation(error, route, judgement)
        if explanation.weight >= failure?.weight ?? 0 { failure = explanation }
        if pendingAttempts == 0 || newest.pending == 0 && !waiting.isEmpty { tryNext() }
    }

    /// Nothing comes though the server accepts connections: it may send packets that are too large for the way.
    package func noteSilence() {
        if let channel { return gate.fellSilent(channel) }
        for candidate in candidates where candidate.isActive { gate.fellSilent(candidate) }
    }

    private func giveUp() {
        guard !isOver, channel == nil else { return }
        noteSilence()
        end()
        // A system that refuses at once does so while the owner still makes this.
        eventLoop.assumeIsolated().execute { [self] in if !isLeft { onEvent(.down(obstacle)) } }
    }
}

/// Passes on what happens on one route.
private final class LinkHandler: ChannelInboundHandler {
    typealias InboundIn = WireEnvelope
    private weak var owner: RendezvousLink?
    private let route: ServerRoute
    private let begin: NIODeadline
    private let judgement: NIOLoopBoundBox<ServerJudgement?>
    private var error: (any Error)?

    init(_ owner: RendezvousLink, _ route: ServerRoute, since begin: NIODeadline, _ judgement: NIOLoopBoundBox<ServerJudgement?>) {
        self.owner = owner
        self.route = route
        self.begin = begin
        self.judgement = judgement
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let name) = event as? TLSUserEvent { owner?.up(context.channel, route, since: begin, protocol: name) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { owner?.received(unwrapInboundIn(data), on: context.channel) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = self.error ?? error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { owner?.ended(context.channel, route, error, judgement.value) }
}
