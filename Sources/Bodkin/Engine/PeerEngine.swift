import BodkinCore
import BodkinIdentity
import BodkinPrediction
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import Crypto
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

    /// How many accepted connections may be without a proved peer at once.
    static let strangerLimit = 256
    /// How many dials others may have under way towards us at once.
    static let calledLimit = 256
    /// How many connections of ours may wait for their first answer at once, over all dials: half of the descriptors that a process usually has. Home
    /// routers have died of more than a thousand.
    static let halfOpenLimit = 512

    let configuration: Peer.Configuration
    let eventLoop: any EventLoop
    let instance = InstanceID.random()
    let start: NIODeadline
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
    /// The server's addresses, and the ways to them by the interfaces that there are.
    var resolved: [RendezvousLink.Way] = []
    var ways: [RendezvousLink.Way] = []
    /// Ends the watch for changes of the network.
    var endWatch: (() -> Void)?
    var clock = ServerClock()
    /// The number of our latest card, and of the latest that the server has taken.
    var sequence: UInt64 = 0
    var registeredSequence: UInt64 = 0
    /// When the present link was begun.
    var linkStart: NIODeadline
    /// How far the server is, from what TCP and TLS took: at most a second.
    var serverRoundTrip = TimeAmount.milliseconds(100)
    /// Whether it was measured on the present network.
    var isRoundTripKnown = false
    var isLinkUp = false
    var isRegistrationSent = false
    /// Whether the server has answered our hello: it does so once.
    var isWelcomed = false
    /// Whether it has taken our card, over the present connection.
    var isRegistered = false
    /// Whether the server answers a DialBack, and who waits for that.
    var serverDialsBack = false
    var waitingForDialBack: EventLoopPromise<WireDialedBack?>?
    var registrationDeadline: OneShot?
    var retryCount = 0
    /// How often the server has called a card expired since it last took one.
    var expiryCount = 0
    var retry: OneShot?
    /// When the link is looked at next, while somebody waits for the server.
    var vigil: OneShot?
    var renewal: OneShot?
    var circuitWindow = Int(WireWelcome.leastCircuitWindow)
    var attempts: [AttemptID: Attempt] = [:]
    var circuits: [AttemptID: CircuitChannel] = [:]
    var sessions: [SessionKey: ConnectionBox] = [:]
    /// The paths that carry the last words of those that are over, until they are gone; and who waits for that.
    var parting: [(path: Path, box: ConnectionBox)] = []
    var allParted: EventLoopPromise<Void>?
    /// How many connections were ever accepted.
    var strangerCount: UInt64 = 0
    /// Those that have not proved whose they are, by their number; and whether they have said anything.
    var strangers: [ObjectIdentifier: (number: UInt64, channel: any Channel, hasSpoken: Bool)] = [:]
    var halfOpenCount = 0
    /// After what silence the NATs that our addresses are behind forget a connection.
    var keepalives: [IPAddress: KeepaliveSearch] = [:]
    /// How the NAT in front gives ports, where it does not keep the reserved one; nil before that is known.
    var profile: AllocationProfile?
    /// Whether that was found since the network changed, and what was found in the networks before.
    var isProfileFresh = false
    var allocationMemory = NetworkMemory<AllocationProfile>()
    /// The rest of what there is to know of the network, and of those before; who looks for it, and when it is looked for next.
    var networkProfile: NetworkProfile?
    var profileMemory = NetworkMemory<NetworkProfile>()
    var profiling: Task<Void, Never>?
    var quiet: OneShot?
    /// What TLS and the registration took, the last time.
    var registrationTime = Duration.zero
    /// How many ports of that NAT were taken for searches.
    var blockShare = BlockShare()
    var isSampling = false
    /// What has led to direct paths before.
    var memory = PunchMemory()
    /// How often the NAT's allocator was looked at since the network changed.
    var looks = 0
    /// Which network this is, counted in changes.
    var networkNumber = 0
    var waitingForRegistration: [ObjectIdentifier: EventLoopPromise<Void>] = [:]
    let incoming: AsyncThrowingStream<Connection, any Error>.Continuation

    /// A session by what names it.
    struct SessionKey: Hashable {
        let peer: PeerID
        let session: SessionID
    }

    init(
        _ configuration: Peer.Configuration, on eventLoop: any EventLoop, incoming: AsyncThrowingStream<Connection, any Error>.Continuation
    ) throws {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.incoming = incoming
        portKeeper = PortKeeper(configuration.reservedPort)
        (start, linkStart) = (eventLoop.now, eventLoop.now)
        certificate = try CertificateIdentity(configuration.identity)
        factory = try PathFactory(certificate)
    }

    /// What it runs on.
    var system: any HostSystem { configuration.system }
    var id: PeerID { configuration.identity.peerID }
    var usesDirectPaths: Bool { configuration.paths != .relayOnly }
    var usesCircuits: Bool { configuration.paths != .directOnly }

    /// Begins: reserves the port, and connects to the server by every way at once.
    func begin(_ ways: [RendezvousLink.Way]) {
        recall()
        endWatch = system.watch(on: eventLoop) { [weak self] change in self?.noticed(change) }
        attachmentMonitor = AttachmentMonitor(Attachments(of: system), includingTunnels: configuration.allowsPrivateAddresses)
        resolved = ways
        findWays()
        guard usesDirectPaths else { return openLink() }
        openWarmConnections()
        openReservedPort()
    }

    /// Every address of the server by every way out that there is.
    func findWays() {
        ways = resolved.flatMap { way in
            attachments.waysOut(way.endpoint.address.family).map { RendezvousLink.Way(endpoint: way.endpoint, name: way.name, interface: $0) }
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
        for attempt in Array(attempts.values) { attempt.fail(error) }
        release()
    }

    /// Ends everything, without a word to the sessions' far sides.
    func close() {
        guard !isOver else { return }
        state = .closed
        incoming.finish()
        let error = PeerError(.closed, "the peer has been closed: make another one")
        for promise in waitingForRegistration.values { promise.fail(error) }
        waitingForRegistration = [:]
        for attempt in Array(attempts.values) { attempt.fail(error) }
        for box in Array(sessions.values) { box.driver.fail("the peer has been closed") }
        release()
    }

    private func release() {
        events.finish()
        endWatch?()
        attachmentTimer?.cancel()
        retry?.cancel()
        vigil?.cancel()
        renewal?.cancel()
        portTimer?.cancel()
        registrationDeadline?.cancel()
        stopProfiling()
        for circuit in Array(circuits.values) { circuit.close(promise: nil) }
        circuits = [:]
        dialedBack(nil)
        attempts = [:]
        link?.close()
        // The mapping is of no more use to anyone.
        for binding in bindings.values { binding.close() }
        for port in openPorts.values { port.close() }
        (bindings, openPorts) = ([:], [:])
        for stranger in strangers.values { stranger.channel.close(promise: nil) }
    }

    // MARK: Telling

    /// The time since the peer's start.
    var now: Instant { Instant(sinceStart: elapsed(since: start)) }

    func elapsed(since begin: NIODeadline) -> Duration { .nanoseconds((eventLoop.now - begin).nanoseconds) }

    func tell(_ kind: PeerEvent.Kind, since begin: NIODeadline? = nil) {
        let event = PeerEvent(kind: kind, elapsed: elapsed(since: begin ?? start))
        configuration.onEvent?(event)
        events.emit(event)
    }
}

extension WireWelcome {
    /// What every server lets a circuit carry before credit is given.
    static let leastCircuitWindow: UInt32 = 65_536
}

extension PeerEngine {
    /// Connects from a local port, 0 for any, to a port of a remote peer's that was predicted.
    func connect(from local: UInt16, to remote: Endpoint, started: @escaping (any Channel) -> Void) -> EventLoopFuture<any Channel> {
        system.connect(ConnectRequest(to: remote, from: local), on: eventLoop, configure: NIOLoopBound(started, eventLoop: eventLoop))
    }
}
