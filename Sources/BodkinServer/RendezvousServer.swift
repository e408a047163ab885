public import BodkinBroker
public import BodkinCore
import BodkinProtocols
import BodkinTransport
public import Logging
public import NIOCore
public import NIOPosix

/// A rendezvous server. Peers register and dial each other through it. It relays circuits and answers STUN.
///
/// ```swift
/// let identity = try Identity.loadOrCreate(in: "/var/lib/bodkin")
/// let configuration = RendezvousServer.Configuration(
///     hosts: ["203.0.113.1"], credentials: .identity(identity), admission: .tokens(.random()))
/// try await withRendezvousServer(configuration) { listening in
///     print(listening.url)
///     try await Task.sleep(for: .seconds(3600))
/// }
/// ```
///
/// The state is in memory, so peers register again after a restart. The key and the token must survive, because they are in the URL.
public final class RendezvousServer: Sendable {
    private let configuration: Configuration
    private let group: any EventLoopGroup
    private let logger: Logger
    private let driver: BrokerDriver
    private let access: Access
    private let started: ContinuousClock.Instant
    private let listeningPromise: EventLoopPromise<Listening>

    /// A server that does not listen yet.
    /// - Parameters:
    ///   - configuration: what it is told.
    ///   - group: the event loops that its connections are spread over.
    ///   - logger: where it logs, at most `info`; never a token or a key.
    public init(
        _ configuration: Configuration, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger = Logger(label: "bodkin.server")
    ) {
        self.configuration = configuration
        self.group = group
        self.logger = logger
        let loop = group.any()
        driver = BrokerDriver(configuration, places: Places(configuration.limits, configuration.quotas.address, loop: loop), loop: loop)
        access = Access(configuration.admission, refusing: configuration.refusedPeers, relays: configuration.relays)
        started = .now
        listeningPromise = loop.makePromise()
    }

    deinit { listeningPromise.fail(Self.stopped) }

    private static var stopped: ServerError { ServerError(.stopped, "The server stopped before it listened. Read its log.") }

    /// Where the server listens, as soon as it does.
    /// - Throws: ``ServerError`` where it cannot.
    public func listening() async throws -> Listening { try await listeningPromise.futureResult.get() }

    /// The present figures of the server.
    public var statistics: ServerStatistics { driver.look { $0.statistics } }

    /// Replaces who may use the server. Whatever runs under a token that is good no more, or belongs to a peer that is refused, ends at once.
    public func update(_ admission: Configuration.Admission, refusing refusedPeers: Set<PeerID> = []) {
        let revoked = access.replace(admission, refusing: refusedPeers)
        driver.turn { broker, _ in broker.restrict(revoking: revoked, refusing: refusedPeers) }
        logger.info("replaced who may use the server", metadata: ["revoked": "\(revoked.count)", "refused": "\(refusedPeers.count)"])
    }

    /// Replaces the TURN relays that peers are told of. Credentials that were handed out stay good.
    public func update(_ relays: TURNRelays?) { access.replace(relays) }

    /// Listens and serves until the task is cancelled. The server then sends every peer a Failure, and returns within ``Limits/shutdownGrace``.
    /// To be called once.
    /// - Throws: ``ServerError``.
    public func run() async throws {
        let connections = ConnectionSet()
        let sockets = Sockets()
        do {
            let listening = try await listen(on: sockets, connections)
            logger.info("listening", metadata: ["rendezvous": "\(listening.rendezvous)", "stun": "\(listening.stun)"])
            listeningPromise.succeed(listening)
        } catch {
            await sockets.close()
            let failure = error as? ServerError ?? ServerError(.bind, "the server cannot listen: \(error)", cause: error)
            listeningPromise.fail(failure)
            throw failure
        }
        // This stream ends when the task is cancelled.
        let (running, _) = AsyncStream<Void>.makeStream()
        for await _ in running {}
        logger.info("shutting down", metadata: ["registered": "\(statistics.registered)", "circuits": "\(statistics.circuits)"])
        await sockets.close()
        driver.close()
        driver.places.close()
        await connections.close(within: TimeAmount(configuration.limits.shutdownGrace), on: group.any())
    }

    private func listen(on sockets: Sockets, _ connections: ConnectionSet) async throws -> Listening {
        let plan = try BindPlan(configuration)
        let certificate = try Self.certificate(configuration.credentials)
        let keyHash = try certificate.publicKeyHash()
        let factory = ListenerFactory(
            configuration: configuration, group: group, driver: driver, sockets: sockets, connections: connections, places: driver.places,
            logger: logger)
        let stun = try await factory.bindSTUN(plan)
        let service = PeerService(
            configuration, access: access, driver: driver, keyHash: keyHash, stun: stun.advertised, otherAddress: { plan.other(than: $0) },
            logger: logger)
        let context = try TLSContexts.server(certificate, protocol: TLSContexts.rendezvousProtocol)
        let rendezvous = try await factory.bindRendezvous(plan, context, service)
        let health = try await factory.bindHealth(started)
        let url = Self.url(of: configuration, keyHash: keyHash, port: rendezvous[0].port, stunPort: stun.port)
        return Listening(url: url, rendezvous: rendezvous, stun: stun.endpoints, health: health)
    }

    /// The URL of a server with this configuration, whose ports are not 0.
    /// - Throws: ``ServerError`` where the credentials cannot be used.
    package static func url(of configuration: Configuration) throws -> RendezvousURL {
        let keyHash = try certificate(configuration.credentials).publicKeyHash()
        return url(of: configuration, keyHash: keyHash, port: configuration.port, stunPort: configuration.stunPort)
    }

    private static func url(of configuration: Configuration, keyHash: [UInt8], port: UInt16, stunPort: UInt16) -> RendezvousURL {
        RendezvousURL(
            hosts: configuration.hosts.map { .init($0, configuration.publicPort ?? port) },
            keyHash: configuration.isPinned ? keyHash : nil, nextKeyHash: configuration.isPinned ? configuration.nextKeyHash : nil,
            token: configuration.firstToken?.bytes, stunPort: configuration.publicSTUNPort ?? stunPort)
    }

    private static func certificate(_ credentials: Configuration.Credentials) throws -> CertificateIdentity {
        switch credentials {
        case .identity(let identity): return try CertificateIdentity(identity)
        case .certificate(let file, let keyFile, _):
            do {
                return try CertificateIdentity(certificateFile: file, keyFile: keyFile)
            } catch {
                throw ServerError(
                    .credentials, "The certificate \(file) and the key \(keyFile) cannot be used. Give a chain and its key, both in PEM.",
                    cause: error)
            }
        }
    }
}

/// Runs a server while `body` runs, which learns where it listens. Afterwards the server has shut down.
public func withRendezvousServer<Result: Sendable>(
    _ configuration: RendezvousServer.Configuration, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    logger: Logger = Logger(label: "bodkin.server"), _ body: (RendezvousServer.Listening) async throws -> Result
) async throws -> Result {
    try await withRendezvousServer(RendezvousServer(configuration, group: group, logger: logger), body)
}

/// Runs this server while `body` runs, which learns where it listens. Afterwards the server has shut down.
public func withRendezvousServer<Result: Sendable>(
    _ server: RendezvousServer, _ body: (RendezvousServer.Listening) async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await server.run() }
        do {
            let result = try await body(server.listening())
            tasks.cancelAll()
            try await tasks.waitForAll()
            return result
        } catch {
            tasks.cancelAll()
            try? await tasks.waitForAll()
            throw error
        }
    }
}
