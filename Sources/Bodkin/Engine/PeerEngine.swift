import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import FoundationEssentials
import NIOCore

/// The inside of a peer: the router between its drivers, each of which runs one machine, and the dials and sessions by remote peer.
///
/// ```
///  kernel ──▶ AttachmentDriver ──network──▶ ┌────────────┐ ◀──messages── RendezvousDriver ◀──▶ server
///  kernel ◀─▶ PortDriver ──────mappings──▶  │ PeerEngine │ ◀──forecast── NATDriver ◀──▶ STUN
///  kernel ──▶ InboundDriver ─────paths───▶  └────────────┘ ◀──paths───── dials, sessions
/// ```
///
/// A driver performs what its machine asks for, and reports to the engine whatever concerns others; no driver knows another. Everything in here runs on one event
/// loop and is called on it alone.
final class PeerEngine {
    /// The phases of a peer's life.
    enum State {
        case starting
        case registered
        case failed(any Error)
        case closed
    }

    let configuration: Peer.Configuration
    let eventLoop: any EventLoop
    let clock: PeerClock
    let instance = InstanceID.random()
    let certificate: CertificateIdentity
    let factory: PathFactory
    /// What every connection and datagram passes.
    let gate: Gate
    let metrics = PeerMetrics()
    let events = PeerEventSource()
    let incoming: AsyncThrowingStream<Connection, any Error>.Continuation

    var state = State.starting
    /// The system's network.
    private(set) lazy var network = makeAttachmentDriver()
    /// The ports, and what each is for.
    private(set) lazy var ports = makePortDriver()
    /// The sources of the candidates that remote peers are told of.
    private(set) lazy var candidateSources = makeCandidateSources()
    /// The knowledge about the NAT in front.
    private(set) lazy var nat = makeNATDriver()
    /// The peer's half of the rendezvous.
    private(set) lazy var rendezvous = makeRendezvousDriver()
    /// The connections that belong to no dial and no session yet.
    private(set) lazy var inbound = makeInboundDriver()
    /// The connections of this peer that have no answer yet, over all dials.
    var halfOpen = HalfOpenBudget(descriptors: DescriptorLimit.usable)
    /// The dials and sessions, by remote peer.
    private(set) lazy var remotes = Remotes(self)
    var circuits: [AttemptID: CircuitChannel] = [:]
    /// The callers that wait for the server's relays, and for the registration.
    var waitingForRelays: [EventLoopPromise<WireRelays>] = []
    var waitingForRegistration: [ObjectIdentifier: EventLoopPromise<Void>] = [:]

    init(
        _ configuration: Peer.Configuration, on eventLoop: any EventLoop, incoming: AsyncThrowingStream<Connection, any Error>.Continuation
    ) throws {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.incoming = incoming
        clock = PeerClock(of: eventLoop)
        gate = Gate(before: configuration.system, on: eventLoop)
        certificate = try CertificateIdentity(configuration.identity)
        factory = try PathFactory(certificate)
    }

    /// The system that the peer runs on.
    var system: any HostSystem { configuration.system }
    var id: PeerID { configuration.identity.peerID }
    var usesDirectPaths: Bool { configuration.paths != .relayOnly }
    var usesCircuits: Bool { configuration.paths != .directOnly }

    /// Begins: reserves the port, and connects to the server by every route at once.
    func begin() {
        network.begin()
        gate.attach(attachments)
        rendezvous.attach(attachments)
        guard usesDirectPaths else { return feedRendezvous(.start) }
        openBindings()
        tellPorts(.start)
    }

    /// The error that has ended the peer; nil if there is none.
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

    /// Ends everything, because nothing works any more, and tells everyone who waits why.
    func fail(_ error: any Error) {
        guard !isOver else { return }
        state = .failed(error)
        incoming.finish(throwing: error)
        for promise in waitingForRegistration.values { promise.fail(error) }
        waitingForRegistration = [:]
        remotes.failDials(error)
        release()
    }

    /// Ends everything, with no message to the sessions' remote peers.
    func close() {
        guard !isOver else { return }
        state = .closed
        incoming.finish()
        let error = PeerError(.closed, "The local peer is closed. Create another peer.")
        for promise in waitingForRegistration.values { promise.fail(error) }
        waitingForRegistration = [:]
        remotes.failDials(error)
        remotes.failSessions("the local peer is closed")
        release()
    }

    private func release() {
        answerRelayQueries(WireRelays())
        events.finish()
        network.close()
        nat.close()
        for circuit in Array(circuits.values) { circuit.close(promise: nil) }
        circuits = [:]
        rendezvous.close()
        ports.close()
        inbound.close()
    }

    // MARK: Telling

    /// When the peer began.
    var start: NIODeadline { clock.start }

    /// The time since the peer's start.
    var now: Instant { clock.now }

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
    /// The wire format of who may dial.
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
    /// Connects from a local port, 0 for any, to a predicted port of a remote peer.
    func connect(
        from local: UInt16, to remote: Endpoint, for purpose: OutboundGate.Purpose, started: @escaping (any Channel) -> Void
    ) -> EventLoopFuture<any Channel> {
        gate.connect(to: remote, from: local, for: purpose, configure: started)
    }
}
