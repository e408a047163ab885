import BodkinCore
import BodkinIdentity
import BodkinPrediction
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import Crypto
import FoundationEssentials
import Logging
import NIOCore

/// The inside of a peer: its reserved port, its NAT bindings, its link to the server, its dials and sessions.
///
/// Everything in here runs on one event loop and is called on it alone.
final class PeerEngine {
    /// What becomes of a peer.
    enum State {
        case starting
        case registered
        case failed(any Error)
        case closed
    }

    /// How many dials others may have under way towards us at once.
    static let calledLimit = 256

    let configuration: Peer.Configuration
    let eventLoop: any EventLoop
    let instance = InstanceID.random()
    let clock: PeerClock
    let certificate: CertificateIdentity
    let factory: PathFactory
    let metrics = PeerMetrics()
    let events = PeerEventSource()
    let stunKey = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }

    var state = State.starting
    var attachmentMonitor = AttachmentMonitor(Attachments(interfaces: [], routes: []))
    var attachmentTimer: OneShot?
    /// Which ports there are and what each is for; the sockets of both.
    var portKeeper: PortKeeper
    var openPorts: [PortKeeper.PortID: ReservedPort] = [:]
    var bindings: [PortKeeper.BindingID: STUNBinding] = [:]
    var portTimer: OneShot?
    /// Why a port could not be opened, the last time.
    var portError: (any Error)?
    var link: RendezvousLink?
    /// The peer's half of the rendezvous, the timer that it waits for, and how deep its actions are nested at the moment.
    var rendezvous: RendezvousClient
    var rendezvousTimer: (time: NIODeadline, task: OneShot)?
    var rendezvousDepth = 0
    /// Asks the resolver for the server's addresses.
    var resolveRoutes: () -> EventLoopFuture<[ServerRoute]>
    /// The server's addresses, and the routes to them by the interfaces that there are.
    var serverAddresses: [ServerRoute] = []
    var serverRoutes: [ServerRoute] = []
    /// Ends the watch for changes of the network.
    var endWatch: (() -> Void)?
    /// When the present link was begun.
    var linkStart: NIODeadline
    /// Those who wait for what the server meets at the reserved port.
    var waitingForDialBack: [EventLoopPromise<WireDialedBack?>] = []
    /// The dials and sessions, by remote peer.
    var remotes = Remotes()
    var circuits: [AttemptID: CircuitChannel] = [:]
    /// The paths that carry the last words of those that are over, until they are gone; and who waits for that.
    var parting: [(path: Path, box: ConnectionBox)] = []
    var allParted: EventLoopPromise<Void>?
    /// The connections that belong to no dial and no session yet.
    private(set) lazy var inbound = makeInboundDriver()
    /// The connections of ours that have no answer yet, over all dials.
    var halfOpen = HalfOpenBudget(descriptors: DescriptorLimit.present)
    /// What is known of the NAT in front.
    var nat: NATModel
    var natTimer: OneShot?
    /// The background examination of the network.
    var profiling: Task<Void, Never>?
    /// What TLS and the registration took, the last time.
    var registrationTime = Duration.zero
    var waitingForRegistration: [ObjectIdentifier: EventLoopPromise<Void>] = [:]
    let incoming: AsyncThrowingStream<Connection, any Error>.Continuation

    init(
        _ configuration: Peer.Configuration, on eventLoop: any EventLoop, incoming: AsyncThrowingStream<Connection, any Error>.Continuation
    ) throws {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.incoming = incoming
        nat = NATModel(
            NATModel.Configuration(
                samplesAllocator: configuration.predictsPorts && configuration.paths != .relayOnly,
                examinationDelay: configuration.profilesNetwork && configuration.paths != .relayOnly ? configuration.profileDelay : nil))
        portKeeper = PortKeeper(configuration.reservedPort)
        clock = PeerClock(of: eventLoop)
        linkStart = clock.start
        certificate = try CertificateIdentity(configuration.identity)
        factory = try PathFactory(certificate)
        let url = configuration.rendezvous
        resolveRoutes = { ServerResolution.routes(to: url, on: eventLoop) }
        rendezvous = RendezvousClient(
            RendezvousClient.Configuration(
                identity: configuration.identity, instance: instance, token: url.token, policy: WirePolicy(configuration.admission),
                stunKey: stunKey, cardLifetime: configuration.cardLifetime, keyHash: url.keyHash, hasNames: url.hasNames),
            localTime: UInt64(max(Date().timeIntervalSince1970 * 1000, 0)), at: .start)
    }

    /// What it runs on.
    var system: any HostSystem { configuration.system }
    var id: PeerID { configuration.identity.peerID }
    var usesDirectPaths: Bool { configuration.paths != .relayOnly }
    var usesCircuits: Bool { configuration.paths != .directOnly }

    /// Begins: reserves the port, and connects to the server by every route at once.
    func begin(_ addresses: [ServerRoute]) {
        endWatch = system.watch(on: eventLoop) { [weak self] change in self?.noticed(change) }
        attachmentMonitor = AttachmentMonitor(Attachments(of: system), includingTunnels: configuration.allowsPrivateAddresses)
        serverAddresses = addresses
        expandRoutes()
        guard usesDirectPaths else { return feedRendezvous(.start) }
        openWarmConnections()
        openReservedPort()
    }

    /// Finds the routes to the server: every address of it, by every interface that leads out.
    func expandRoutes() {
        serverRoutes = serverAddresses.flatMap { route in
            attachments.waysOut(route.endpoint.address.family).map { ServerRoute(endpoint: route.endpoint, name: route.name, interface: $0) }
        }
    }

    /// Why the peer is over, where something has failed.
    var failure: (any Error)? {
        if case .failed(let error) = state { error } else { nil }
    }

    /// Whether nothing more will be done.
    var isOver: Bool {
        switch state {
        case .closed, .failed: true
        case .starting, .registered: false
        }
    }

    /// Nothing works any more: everyone who waits is told why.
    func fail(_ error: any Error) {
        guard !isOver else { return }
        state = .failed(error)
        incoming.finish(throwing: error)
        for promise in waitingForRegistration.values { promise.fail(error) }
        waitingForRegistration = [:]
        for attempt in remotes.allDials { attempt.fail(error) }
        release()
    }

    /// Ends everything, without a word to the sessions' far sides.
    func close() {
        guard !isOver else { return }
        state = .closed
        incoming.finish()
        let error = PeerError(.closed, "The local peer is closed. Create another peer.")
        for promise in waitingForRegistration.values { promise.fail(error) }
        waitingForRegistration = [:]
        for attempt in remotes.allDials { attempt.fail(error) }
        for box in remotes.allSessions { box.driver.fail("the local peer is closed") }
        release()
    }

    private func release() {
        events.finish()
        endWatch?()
        rendezvousTimer?.task.cancel()
        attachmentTimer?.cancel()
        portTimer?.cancel()
        stopProfiling()
        for circuit in Array(circuits.values) { circuit.close(promise: nil) }
        circuits = [:]
        dialedBack(nil)
        remotes.removeAllDials()
        link?.close()
        // The mapping is of no more use to anyone.
        for binding in bindings.values { binding.close() }
        for port in openPorts.values { port.close() }
        (bindings, openPorts) = ([:], [:])
        inbound.close()
    }

    // MARK: Telling

    /// When the peer began.
    var start: NIODeadline { clock.start }

    /// The time since the peer's start.
    var now: Instant { clock.now }

    /// A time of the event loop as the machines count it.
    func instant(_ time: NIODeadline) -> Instant { clock.instant(time) }

    /// A time of the event loop at which a machine's deadline has certainly come.
    func time(of deadline: Instant) -> NIODeadline { clock.time(of: deadline) }

    func elapsed(since begin: NIODeadline) -> Duration { .nanoseconds((eventLoop.now - begin).nanoseconds) }

    func tell(_ kind: PeerEvent.Kind, since begin: NIODeadline? = nil) {
        let event = PeerEvent(kind: kind, elapsed: elapsed(since: begin ?? start))
        configuration.onEvent?(event)
        events.emit(event)
    }
}

extension WirePolicy {
    /// Who may dial, as it travels.
    init(_ admission: Peer.Admission) {
        self.init()
        switch admission {
        case .nobody: self.admission = .nobody
        case .only(let peers):
            self.admission = .listed
            self.peers = peers.map { Data($0.publicKey) }
        case .anyone: self.admission = .anyone
        }
    }
}

extension PeerEngine {
    /// Connects from a local port, 0 for any, to a port of a remote peer's that was predicted.
    func connect(from local: UInt16, to remote: Endpoint, started: @escaping (any Channel) -> Void) -> EventLoopFuture<any Channel> {
        system.connect(ConnectRequest(to: remote, from: local), on: eventLoop, configure: NIOLoopBound(started, eventLoop: eventLoop))
    }
}
