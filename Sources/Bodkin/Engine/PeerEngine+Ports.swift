import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// Drives the ``PortKeeper``: sockets, timers, and who hears of what.
extension PeerEngine {
    /// How long a dial waits at most until the server sees its fresh port and the remote peer is told of it: six round trips to the server.
    private var tellingLimit: Duration { .nanoseconds(max(.seconds(2), serverRoundTrip * 6).nanoseconds) }

    /// The reserved port that remote peers are told of; nil before there is one.
    var port: ReservedPort? { portKeeper.reserved.flatMap { openPorts[$0] } }

    /// The port that a dial connects from.
    func port(for dial: AttemptID) -> ReservedPort? { portKeeper.port(for: dial).flatMap { openPorts[$0] } }

    /// The bindings of the reserved port.
    var warms: [STUNBinding] { portKeeper.bindings(of: portKeeper.reserved).compactMap { bindings[$0] } }

    /// Whether the server sees the port that a dial connects from.
    func isMapped(for dial: AttemptID) -> Bool { !portKeeper.observed(of: portKeeper.port(for: dial)).isEmpty }

    /// Begins to listen.
    func openReservedPort() { tellPorts(.start) }

    /// Makes the bindings that are not there: one for each family that the server has an address of, by each way out.
    func openWarmConnections() {
        tellPorts(.routes(bindingRoutes, attachments))
    }

    /// The ways to the server's STUN port.
    var bindingRoutes: [PortKeeper.Route] {
        serverRoutes.map { way in
            PortKeeper.Route(server: Endpoint(way.endpoint.address, configuration.rendezvous.stunPort), interface: way.interface)
        }
    }

    /// Finds out whether our NATs still know our bindings.
    func verifyMappings(isUrgent: Bool = false) { tellPorts(.mappingsDoubted(isUrgent: isUrgent)) }

    /// The candidates that a dial's remote peer is told of; those of the reserved port where the dial has none of its own.
    func candidates(for dial: AttemptID? = nil) -> [Candidate] {
        let id = dial.flatMap { portKeeper.port(for: $0) } ?? portKeeper.reserved
        guard usesDirectPaths, let id, let port = openPorts[id] else { return [] }
        let seen = portKeeper.observed(of: id).map { Candidate(.serverReflexive, $0) }
        let own = toldAddresses(of: port.families).map { Candidate(.host, Endpoint($0, port.number)) }
        var candidates: [Candidate] = []
        for candidate in seen + own where !candidates.contains(where: { $0.endpoint == candidate.endpoint }) { candidates.append(candidate) }
        return Array(candidates.prefix(Card.maximumCandidateCount))
    }

    /// Something has happened that concerns the ports.
    func tellPorts(_ input: PortKeeper.Input) {
        guard !isOver else { return }
        portKeeper.handle(input, at: now)
        while !isOver, let action = portKeeper.nextAction() { perform(action) }
        portTimer?.cancel()
        guard !isOver, let deadline = portKeeper.deadline else { return portTimer = nil }
        portTimer = OneShot(on: eventLoop, at: time(of: deadline)) { [weak self] in self?.tellPorts(.timeout) }
    }

    private func perform(_ action: PortKeeper.Action) {
        switch action {
        case .open(let id, let number): open(id, number)
        case .close(let id): openPorts.removeValue(forKey: id)?.close()
        case .bind(let id, let port, let route): bind(id, port, route)
        case .verify(let id, let isUrgent): bindings[id]?.verify(within: verificationTime, isUrgent: isUrgent)
        case .abandon(let id): bindings.removeValue(forKey: id)?.abandon()
        case .release(let id): bindings.removeValue(forKey: id)?.close()
        case .fail: fail(portError ?? PeerError(.closed, "The system gave no port. Try again in a moment."))
        case .reserved: feedRendezvous(.start)
        case .replaced:
            // A dial that has a port of its own is not concerned.
            for attempt in remotes.allDials where portKeeper.port(for: attempt.id) == portKeeper.reserved {
                attempt.portReplaced(within: tellingLimit)
            }
        case .mapped:
            learnAllocation()
            for attempt in remotes.allDials { attempt.tellPunch(.begin) }
            hurryUpgrades()
            tellOfMappings()
        case .unmapped: tellOfMappings()
        case .dialPortOpened(let dial): remotes.dial(dial)?.portReplaced(within: tellingLimit)
        case .dialPortMapped(let dial): remotes.dial(dial)?.announce(currentCard(for: dial))
        }
    }

    /// The server, and whoever is about to meet us, hear of what the server sees of the reserved port.
    private func tellOfMappings() {
        guard isLinkUp else { return }
        if isRegistrationSent { registerAfresh() } else { refreshRendezvous() }
    }

    private func open(_ id: PortKeeper.PortID, _ number: UInt16) {
        let opening = ReservedPort.open(number, of: system, on: eventLoop) { [weak self] channel in try self?.accept(channel) }
        opening.assumeIsolated().whenComplete { [weak self] result in
            guard let self, !self.isOver else { return (try? result.get())?.value.close() ?? () }
            switch result {
            case .success(let port):
                self.openPorts[id] = port.value
                self.tellPorts(.opened(id, families: port.value.families))
            case .failure(let error):
                self.portError = error
                self.tellPorts(.openFailed(id))
            }
        }
    }

    private func bind(_ id: PortKeeper.BindingID, _ port: PortKeeper.PortID, _ route: PortKeeper.Route) {
        guard let port = openPorts[port] else { return }
        let binding = STUNBinding(
            port, to: route.server, interface: route.interface, roundTrip: isLinkUp ? serverRoundTrip : nil, on: eventLoop,
            keepalive: { [weak self] local in TimeAmount(self?.keepalive(from: local) ?? KeepaliveSearch.first) },
            onEvent: { [weak self] event in self?.happened(event, to: id) })
        // A system that refuses at once has said so already.
        if !binding.isLost { bindings[id] = binding }
    }

    private func happened(_ event: STUNBinding.Event, to id: PortKeeper.BindingID) {
        guard !isOver else { return }
        switch event {
        case .connected(let local):
            tellPorts(.bindingConnected(id, local: local?.address))
            if isLinkUp, !isRegistrationSent { refreshRendezvous() }
        case .observed(let endpoint): tellPorts(.bindingObserved(id, endpoint))
        case .survived(let local, let silence): answered(after: silence, from: local)
        case .lost(let local, let silence):
            if let silence { died(after: silence, from: local) }
            bindings[id] = nil
            tellPorts(.bindingLost(id))
        }
    }
}
