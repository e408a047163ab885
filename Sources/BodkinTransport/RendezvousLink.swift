public import BodkinCore
public import BodkinProtocols
public import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// The TLS connection to the rendezvous server. All ways to the server are tried at once; the first on which the server proves itself is kept.
///
/// Confined to its event loop.
public final class RendezvousLink {
    /// What happens on it.
    public enum Event {
        /// The server has proved itself.
        case up
        /// A message.
        case message(WireEnvelope.OneOf_Body)
        /// It is over, or never came up.
        case down(TransportError)
    }

    /// One way to the server.
    public struct Way: Hashable, Sendable {
        /// The server's endpoint.
        public var endpoint: Endpoint
        /// The name that the URL has for it.
        public var name: String
        /// The interface to leave by; nil for the one that the system's routes name.
        public var interface: String?

        /// A way from its parts.
        public init(endpoint: Endpoint, name: String, interface: String? = nil) {
            self.endpoint = endpoint
            self.name = name
            self.interface = interface
        }
    }

    /// How long a server may take to prove itself, all ways together.
    private static let timeout = TimeAmount.seconds(10)
    /// When a way whose TCP is not up is tried once more beside the first try, and then again after twice the time, four times this at most: a lost SYN is
    /// repeated by the system only after a second, and then ever more seldom (RFC 6298 section 2), and most servers are nearer than this (the delay of
    /// RFC 8305 section 5, rounded up). Where connections wait for it, always after so long.
    private static let patience = TimeAmount.milliseconds(300)
    /// How long a handshake may be silent before its way is tried once more: what has come between may be a NAT that forgot the connection. Longer than a server
    /// needs to which all its peers come back at once.
    private static let handshakePatience = TimeAmount.seconds(3)
    /// Whether somebody waits for it who has nothing else.
    public var isUrgent: () -> Bool = { false }
    /// After what silence the server is asked whether it is still there.
    public var keepalive: () -> TimeAmount = { .seconds(25) }
    /// How long it may take to answer then, where nobody waits for it.
    private static let leisure = TimeAmount.seconds(5)
    /// By so much the system may count a silence too short.
    private static let jiffies = Duration.milliseconds(50)

    private let system: any HostSystem
    private let eventLoop: any EventLoop
    private let url: RendezvousURL
    private let certificate: CertificateIdentity
    private let onEvent: (Event) -> Void
    private var hasGreeted = false
    private var candidates: [any Channel] = []
    private var openWays = 0
    /// When the TCP of a way came up last.
    private var connectedAt: [Way: NIODeadline] = [:]
    private var freshTries: [OneShot] = []
    private var channel: (any Channel)?
    private var failure: TransportError?
    private var deadline: OneShot?
    private var isOver = false
    private var heardAt: NIODeadline
    /// Until when something has to come, as long as the answer to the latest ping has not.
    private var verification: (task: OneShot, limit: TimeAmount, end: NIODeadline)?
    private var pingNumber: UInt64 = 0
    private var keepaliveTask: OneShot?
    /// The way that the connection came up by; nil before.
    public private(set) var way: Way?
    /// SHA-256 of the server's public key; nil before the server has proved itself.
    public private(set) var serverKeyHash: [UInt8]?

    /// Connects. `onEvent` is called on the event loop, never from inside this.
    package init(
        _ url: RendezvousURL, ways: [Way], certificate: CertificateIdentity, of system: any HostSystem = KernelSystem(), on eventLoop: any EventLoop,
        onEvent: @escaping (Event) -> Void
    ) {
        self.system = system
        self.eventLoop = eventLoop
        heardAt = eventLoop.now
        self.url = url
        self.certificate = certificate
        self.onEvent = onEvent
        openWays = ways.count
        deadline = OneShot(on: eventLoop, in: Self.timeout) { [weak self] in self?.giveUp() }
        for way in ways {
            connect(way)
            tryAfresh(way, in: Self.patience)
        }
        if ways.isEmpty { eventLoop.assumeIsolated().execute { [weak self] in self?.giveUp() } }
    }

    /// Sends a message; what is sent in one turn of the event loop leaves together. HELLO is the first one, always: what belongs to an earlier connection is of
    /// no use on this one, and the server would end it.
    public func send(_ body: WireEnvelope.OneOf_Body, flush: Bool = true) {
        if case .hello = body { hasGreeted = true }
        guard hasGreeted else { return }
        channel?.write(body, promise: nil)
        if flush { channel?.flush() }
    }

    /// Sends what was written.
    public func flush() { channel?.flush() }

    /// Asks the server whether it hears us: where nothing comes for so long before its answer, the connection is down. Something else that comes is no answer: it
    /// may have been under way when what was sent last was lost.
    public func verify(within limit: TimeAmount) {
        guard channel != nil, hasGreeted, !isOver else { return }
        // A patient question that is under way does not hold up an urgent one.
        if let verification, verification.end <= eventLoop.now + limit { return }
        verification?.task.cancel()
        pingNumber += 1
        var ping = WirePing()
        ping.number = pingNumber
        send(.ping(ping))
        expectWord(within: limit)
    }

    private func expectWord(within limit: TimeAmount) {
        verification = (OneShot(on: eventLoop, in: limit) { [weak self] in self?.fellSilent() }, limit, eventLoop.now + limit)
    }

    private func verified(by body: WireEnvelope.OneOf_Body) {
        guard let (task, limit, _) = verification else { return }
        task.cancel()
        verification = nil
        if case .pong(let pong) = body, pong.number == pingNumber { return }
        expectWord(within: limit)
    }

    private func fellSilent() {
        // On a slow link the answer may be behind a long message, of which packets come.
        if let limit = verification?.limit, let silence = channel.flatMap({ Transmission($0) })?.silence, silence < Duration(limit) - Self.jiffies {
            return expectWord(within: limit)
        }
        down("the rendezvous server does not answer any more: check the network")
    }

    /// Our address that it leaves from is ours no more.
    public func abandon() { down("the network has changed: the address that the rendezvous server knew is gone") }

    private func down(_ message: String) {
        guard !isOver, let channel else { return }
        isOver = true
        settle()
        ReservedPort.discard(channel)
        onEvent(.down(TransportError(.serverUnreachable, message)))
    }

    /// Our endpoint; nil before the server has proved itself.
    public var local: Endpoint? { channel.flatMap { Endpoint($0.localAddress) } }

    private func keepAlive() {
        keepaliveTask = OneShot(on: eventLoop, at: max(heardAt + keepalive(), eventLoop.now + .seconds(1))) { [weak self] in
            guard let self else { return }
            if self.eventLoop.now - self.heardAt >= self.keepalive() { self.verify(within: Self.leisure) }
            self.keepAlive()
        }
    }

    /// Ends it.
    public func close() {
        guard !isOver else { return }
        isOver = true
        settle()
        for candidate in candidates { candidate.close(promise: nil) }
        candidates = []
        channel?.close(promise: nil)
    }

    /// No further way is tried.
    private func settle() {
        deadline?.cancel()
        verification?.task.cancel()
        keepaliveTask?.cancel()
        for task in freshTries { task.cancel() }
        freshTries = []
    }

    /// Connects once more, again and again, as long as there is neither a connection nor an error.
    private func tryAfresh(_ way: Way, in patience: TimeAmount) {
        freshTries.append(
            OneShot(on: eventLoop, in: patience) { [weak self] in
                guard let self, !self.isOver, self.openWays > 0 else { return }
                if self.connectedAt[way].map({ self.eventLoop.now - $0 >= Self.handshakePatience }) ?? true {
                    self.openWays += 1
                    self.connect(way)
                }
                self.tryAfresh(way, in: self.isUrgent() ? Self.patience : min(patience * 2, Self.patience * 4))
            })
    }

    private func connect(_ way: Way) {
        let own = NIOLoopBound(self, eventLoop: eventLoop)
        let connecting = system.connect(
            ConnectRequest(to: way.endpoint, by: way.interface, within: Self.timeout), on: eventLoop,
            configure: NIOLoopBound({ own.value.candidates.append($0) }, eventLoop: eventLoop))
        connecting.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let channel):
                self.connectedAt[way] = self.eventLoop.now
                self.secure(channel, way)
            case .failure(let error): self.lost(way, error)
            }
        }
    }

    private func secure(_ channel: any Channel, _ way: Way) {
        guard !isOver, self.channel == nil else { return channel.close(promise: nil) }
        do {
            try channel.pipeline.syncOperations.addHandler(try tls(for: way))
            try channel.pipeline.syncOperations.addHandler(EnvelopeHandler())
            try channel.pipeline.syncOperations.addHandler(LinkHandler(self, way))
            channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
        } catch {
            channel.close(promise: nil)
            lost(way, error)
        }
    }

    private func tls(for way: Way) throws -> NIOSSLClientHandler {
        guard let keyHash = url.keyHash else {
            guard IPAddress(way.name) == nil else {
                throw TransportError(
                    .serverImpostor, "nothing tells whether \(way.endpoint) is the right server: use a URL with key=, or with the server's name")
            }
            return try NIOSSLClientHandler(context: TLSContexts.clientOfNamedServer(certificate), serverHostname: way.name)
        }
        let context = try TLSContexts.client(certificate, protocol: TLSContexts.rendezvousProtocol)
        return try NIOSSLClientHandler(context: context, serverHostname: nil) { certificates, promise in
            let isServer = certificates.first.flatMap { try? CertificateIdentity.publicKeyHash(of: $0) } == keyHash
            promise.succeed(isServer ? .certificateVerified : .failed)
        }
    }

    fileprivate func up(_ channel: any Channel, _ way: Way, protocol name: String?) {
        guard !isOver, self.channel == nil else { return channel.close(promise: nil) }
        guard name == TLSContexts.rendezvousProtocol else {
            channel.close(promise: nil)
            return lost(way, TransportError(.serverProtocol, "\(way.endpoint) is no Bodkin rendezvous server: check the port in the URL"))
        }
        settle()
        self.way = way
        self.channel = channel
        serverKeyHash = (try? channel.pipeline.syncOperations.nioSSL_peerCertificate()).flatMap { $0 }
            .flatMap { try? CertificateIdentity.publicKeyHash(of: $0) }
        for other in candidates where other !== channel { other.close(promise: nil) }
        candidates = []
        heardAt = eventLoop.now
        onEvent(.up)
        // How often, is known from then on.
        keepAlive()
    }

    fileprivate func received(_ envelope: WireEnvelope, on channel: any Channel) {
        guard !isOver, channel === self.channel, let body = envelope.body else { return }
        heardAt = eventLoop.now
        verified(by: body)
        onEvent(.message(body))
    }

    fileprivate func ended(_ channel: any Channel, _ way: Way, _ error: (any Error)?) {
        guard !isOver else { return }
        if channel === self.channel {
            isOver = true
            settle()
            let text = error.map { " (\($0.inPlainWords))" } ?? ""
            onEvent(.down(TransportError(.serverRefused, "the rendezvous server has closed the connection\(text): try again later", cause: error)))
        } else if self.channel == nil {
            lost(way, error ?? TransportError(.serverRefused, "\(way.endpoint) closed the connection: check the URL"))
        }
    }

    private func lost(_ way: Way, _ error: any Error) {
        openWays -= 1
        failure = Self.explanation(error, way) ?? failure
        if openWays == 0 { giveUp() }
    }

    private func giveUp() {
        guard !isOver, channel == nil else { return }
        close()
        onEvent(
            .down(
                failure
                    ?? TransportError(.serverUnreachable, "no answer from the rendezvous server \(url.authority): check the network and the URL")))
    }

    private static func explanation(_ error: any Error, _ way: Way) -> TransportError? {
        switch error {
        case let error as TransportError: error
        case _ where TransportError.isEndOfHandshake(error):
            TransportError(
                .serverRefused,
                "\(way.endpoint) closed the connection during the handshake: it may be starting, or have too many connections from here; try again",
                cause: error)
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            TransportError(
                .serverImpostor, "\(way.endpoint) is not the rendezvous server that the URL names: get the server's present URL from whoever runs it",
                cause: error)
        case is IOError, is ChannelError, is NIOConnectionError:
            TransportError(
                .serverUnreachable,
                "the rendezvous server \(way.endpoint) cannot be reached (\(error.inPlainWords)): check the network and the URL", cause: error)
        default:
            TransportError(
                .serverUnreachable, "the rendezvous server \(way.endpoint) cannot be reached (\(error.inPlainWords)): check the URL", cause: error)
        }
    }
}

/// Passes on what happens on one way.
private final class LinkHandler: ChannelInboundHandler {
    typealias InboundIn = WireEnvelope
    private weak var owner: RendezvousLink?
    private let way: RendezvousLink.Way
    private var error: (any Error)?

    init(_ owner: RendezvousLink, _ way: RendezvousLink.Way) {
        self.owner = owner
        self.way = way
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let name) = event as? TLSUserEvent { owner?.up(context.channel, way, protocol: name) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { owner?.received(unwrapInboundIn(data), on: context.channel) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = self.error ?? error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { owner?.ended(context.channel, way, error) }
}
