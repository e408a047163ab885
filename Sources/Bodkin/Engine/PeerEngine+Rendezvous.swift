import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// Routes between the rendezvous and the rest of the peer.
extension PeerEngine {
    /// Makes the driver of the rendezvous.
    func makeRendezvousDriver() -> RendezvousDriver {
        let delegate = RendezvousDriver.Delegate(
            local: { [weak self] in self?.localDescription ?? LocalDescription() },
            demand: { [weak self] in self?.remotes.serverDemand ?? ServerDemand() },
            handle: { [weak self] event in self?.handle(event) })
        return RendezvousDriver(configuration, instance: instance, certificate: certificate, through: gate, clock: clock, delegate)
    }

    private func handle(_ event: RendezvousDriver.Event) {
        guard !isOver else { return }
        switch event {
        case .connecting, .located: openBindings()
        case .linkUp(let route, let start):
            // A circuit's handshake takes two round trips to the remote peer, each as long as this one and the remote peer's to the server, and may lose a packet.
            factory.handshakeTimeout = max(.seconds(10), serverRoundTrip * 6)
            ports.linkCameUp(serverRoundTrip, by: route, since: start)
            if let route { tellPorts(.serverProved(route.endpoint.address)) }
            openBindings()
        case .registrationSent(let isFirstOnLink): registrationSent(isFirstOnLink)
        case .circuitsOpened(let window): for circuit in Array(circuits.values) { circuit.open(window: window) }
        case .registered(let isFirstOnLink): registered(isFirstOnLink)
        case .linkLost(let message, let isNews): lostLink(message, isNews: isNews)
        case .connectFailed(let message): remotes.forEachDial { $0.lostServer(TransportError(.serverUnreachable, message)) }
        case .awaitingServer(let message): tell(.awaitingServer(message))
        case .message(let body): received(body)
        case .failed(let error): fail(error)
        case .wasStopped(let time): wasStopped(for: time)
        }
    }

    // MARK: Inputs and questions of the rest of the peer

    /// Something has happened that concerns the rendezvous.
    func feedRendezvous(_ input: RendezvousClient.Input) { if !isOver { rendezvous.handle(input) } }

    /// The link to the server; nil before the first one was begun.
    var link: RendezvousLink? { rendezvous.link }

    /// The routes to the server itself by the interfaces that there are.
    var serverRoutes: [ServerRoute] { rendezvous.serverRoutes }

    /// Tells the machine what has become of NAT bindings, candidates, dials and sessions: a registration that waits for them goes out.
    func refreshRendezvous() { if !isOver { rendezvous.localChanged() } }

    /// Dials and sessions need the server more, or less, than before.
    func serverDemandChanged() { if !isOver { rendezvous.demandChanged() } }

    /// The present card, signed; of a dial's own port, where it has one.
    func currentCard(for dial: AttemptID? = nil) -> WireSignedCard? { rendezvous.card(naming: candidates(for: dial)) }

    /// Asks the server whether it hears the peer, because a path is in doubt.
    func probeServer() { feedRendezvous(.probe) }

    /// Probes the server while somebody waits for what only the server can bring, from now on.
    func probeServerWhileWaiting() { feedRendezvous(.awaitServer) }

    /// Has the server connect to the reserved port. The result is nil if the server does not answer.
    func dialBack() -> EventLoopFuture<WireDialedBack?> {
        isOver || port == nil ? eventLoop.makeSucceededFuture(nil) : rendezvous.dialBack()
    }

    var isLinkUp: Bool { rendezvous.machine.isLinkUp }
    var isRegistrationSent: Bool { rendezvous.machine.isRegistrationSent }
    var isRegistered: Bool { rendezvous.machine.isRegistered }
    var serverHash: [UInt8] { rendezvous.machine.serverHash }
    /// Milliseconds since 1970 by the server's clock.
    var serverTime: UInt64 { rendezvous.machine.clock.time(at: now) }
    /// How far the server is: at most a second.
    var serverRoundTrip: TimeAmount { TimeAmount(rendezvous.machine.roundTrip) }
    /// The number of the latest card, and of the latest that the server has taken over the present link.
    var sequence: UInt64 { rendezvous.machine.sequence }
    var registeredSequence: UInt64 { rendezvous.machine.link?.acknowledged ?? 0 }

    // MARK: Messages

    private func received(_ body: WireEnvelope.OneOf_Body) {
        switch body {
        case .meet(let meet): received(meet)
        case .dialFailed(let failure):
            guard let id = AttemptID(bytes: failure.attempt), let attempt = remotes.dial(id), attempt.role == .dialer else { return }
            attempt.refused(failure.reason)
        case .dialPending(let pending):
            guard let id = AttemptID(bytes: pending.attempt) else { return }
            remotes.dial(id)?.pending()
        case .observed(let observed):
            guard let id = AttemptID(bytes: observed.attempt) else { return }
            remotes.dial(id)?.received(observed)
        case .recall(let recall): received(recall)
        case .signal(let signal):
            guard let id = AttemptID(bytes: signal.attempt), let attempt = remotes.dial(id) else { return }
            switch signal.payload {
            case .card(let card)?: attempt.received(card)
            case .forecast(let forecast)? where forecast.round == 0: attempt.receivedForecast(forecast)
            case .forecast(let forecast)?: attempt.received(forecast)
            case .relayed(let relayed)?: attempt.received(relayed)
            case nil: break
            }
        case .relays(let relays): received(relays)
        case .circuitData(let data):
            guard let id = AttemptID(bytes: data.attempt) else { return }
            metrics.relayed(data.data.count)
            circuits[id]?.receive(ByteBuffer(bytes: data.data))
        case .circuitCredit(let credit):
            guard let id = AttemptID(bytes: credit.attempt) else { return }
            circuits[id]?.grant(Int(credit.bytes))
        case .circuitClose(let end):
            guard let id = AttemptID(bytes: end.attempt) else { return }
            circuits[id]?.endByPeer()
            if end.reason == .peerGone { remotes.dial(id)?.lostRemote() }
        case .hello, .register, .dial, .dialCancel, .meetAck, .dialBack, .welcome, .registered, .dialedBack, .relayQuery, .ping, .pong, .failure:
            break
        }
    }

    // MARK: The link

    private func lostLink(_ message: String, isNews: Bool) {
        for circuit in Array(circuits.values) { circuit.endByPeer() }
        circuits = [:]
        if isNews { tell(.serverLost(message)) }
        let error = TransportError(.serverUnreachable, message)
        remotes.forEachDial { $0.lostServer(error) }
        // The cause may have ended NAT bindings, too, and nothing else would notice in an idle peer.
        verifyMappings(isUrgent: true)
    }

    private func registrationSent(_ isFirstOnLink: Bool) {
        // The server takes messages in their order.
        if isFirstOnLink { remotes.handleAll(.registrationSent) }
        ports.prove(key: rendezvous.machine.configuration.stunKey)
        remotes.forEachDial { $0.dialIfWaiting() }
    }

    private func registered(_ isFirstOnLink: Bool) {
        // The event comes before anyone goes on who waits for the registration.
        tell(.registered(bindings.compactMap(\.observed)))
        if case .starting = state {
            state = .registered
            for promise in waitingForRegistration.values { promise.succeed() }
            waitingForRegistration = [:]
        }
        if isFirstOnLink { remotes.handleAll(.serverReturned) }
        profileWhenQuiet()
    }

    // MARK: Those who wait for the registration

    /// Done when the server knows this peer.
    func whenRegistered(for call: ObjectIdentifier) -> EventLoopFuture<Void> {
        switch state {
        case .registered: return eventLoop.makeSucceededVoidFuture()
        case .failed(let error): return eventLoop.makeFailedFuture(error)
        case .closed: return eventLoop.makeFailedFuture(PeerError(.closed, "The local peer is closed. Create another peer."))
        case .starting:
            let promise = eventLoop.makePromise(of: Void.self)
            waitingForRegistration[call] = promise
            return promise.futureResult
        }
    }

    func cancelRegistered(for call: ObjectIdentifier) { waitingForRegistration.removeValue(forKey: call)?.fail(CancellationError()) }
}
