import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// Routes between the ports and the rest of the peer.
extension PeerEngine {
    /// How long a dial waits at most until the server sees its fresh port and the remote peer is told of it: six round trips to the server.
    private var announcementLimit: Duration { .nanoseconds(max(.seconds(2), serverRoundTrip * 6).nanoseconds) }

    /// Makes the driver of the ports.
    func makePortDriver() -> PortDriver {
        let delegate = PortDriver.Delegate(
            accept: { [weak self] channel in
                guard let self else { return channel.close(promise: nil) }
                try self.accept(channel)
            },
            roundTrip: { [weak self] in self.flatMap { $0.isLinkUp ? $0.serverRoundTrip : nil } },
            verificationTime: { [weak self] in self?.verificationTime ?? .zero },
            keepalive: { [weak self] local in self?.keepalive(from: local) ?? KeepaliveSearch.first },
            handle: { [weak self] event in self?.handle(event) })
        return PortDriver(configuration.reservedPort, through: gate, clock: clock, delegate)
    }

    private func handle(_ event: PortDriver.Event) {
        switch event {
        case .failed(let error): fail(error)
        case .reserved: feedRendezvous(.start)
        case .replaced:
            // A dial that has a port of its own is not concerned.
            remotes.forEachDial {
                if ports.machine.port(for: $0.id) == ports.machine.reserved { $0.portReplaced(within: announcementLimit) }
            }
        case .mapped:
            learnAllocation()
            remotes.forEachDial { $0.tell(.natLearned) }
            remotes.handleAll(.mappingsChanged)
            announceMappings()
        case .unmapped: announceMappings()
        case .bindingConnected: if isLinkUp, !isRegistrationSent { refreshRendezvous() }
        case .dialPortOpened(let dial): remotes.dial(dial)?.portReplaced(within: announcementLimit)
        case .dialPortMapped(let dial): remotes.dial(dial)?.announce(currentCard(for: dial))
        case .survived(let silence, let local): answered(after: silence, from: local)
        case .died(let silence, let local): died(after: silence, from: local)
        }
    }

    /// Tells the server, and the remote peers that are about to meet this one, what the server sees of the reserved port.
    private func announceMappings() {
        guard isLinkUp else { return }
        if isRegistrationSent { registerAfresh() } else { refreshRendezvous() }
    }

    // MARK: Inputs and questions of the rest of the peer

    /// Something has happened that concerns the ports.
    func tellPorts(_ input: PortKeeper.Input) { if !isOver { ports.handle(input) } }

    /// Makes the bindings that are not there: one for each family that the server has an address of, by each interface that leads out.
    func openBindings() { tellPorts(.routes(bindingRoutes, attachments)) }

    /// Finds out whether the NATs still know the bindings.
    func verifyMappings(isUrgent: Bool = false) { tellPorts(.mappingsDoubted(isUrgent: isUrgent)) }

    /// The routes to the server's STUN port.
    var bindingRoutes: [PortKeeper.Route] {
        serverRoutes.map { route in
            PortKeeper.Route(server: Endpoint(route.endpoint.address, configuration.rendezvous.stunPort), interface: route.interface)
        }
    }

    /// The reserved port, which remote peers are told of; nil before there is one.
    var port: ReservedPort? { ports.reserved }

    /// The port that a dial connects from.
    func port(for dial: AttemptID) -> ReservedPort? { ports.port(for: dial) }

    /// The bindings of the reserved port.
    var bindings: [STUNBinding] { ports.reservedBindings }

    /// Whether the server sees the port that a dial connects from.
    func isMapped(for dial: AttemptID) -> Bool { ports.isMapped(for: dial) }

    /// The sources of this peer's candidates, the one first whose candidates are the likeliest to be of use.
    func makeCandidateSources() -> [any CandidateSource] {
        [ReflexiveCandidates(), HostCandidates { [weak self] families in self?.network.toldAddresses(of: families) ?? [] }]
    }

    /// The candidates that a dial's remote peer is told of; those of the reserved port where the dial has none of its own.
    func candidates(for dial: AttemptID? = nil) -> [Candidate] {
        guard usesDirectPaths, let port = ports.candidatePort(for: dial) else { return [] }
        return candidateSources.candidates(of: port)
    }
}
