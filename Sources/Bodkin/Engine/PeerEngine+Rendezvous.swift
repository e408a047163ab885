import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// Drives the ``RendezvousClient``: performs its actions on a ``RendezvousLink``, and turns the link's events into inputs.
extension PeerEngine {
    /// Gives the machine an input, and the present state of what it depends on before, and performs what follows.
    func feedRendezvous(_ input: RendezvousClient.Input) {
        guard !isOver else { return }
        let (now, local, demand) = (now, localDescription, serverDemand)
        rendezvous.handle(.localChanged(local), at: now)
        rendezvous.handle(.demandChanged(demand), at: now)
        rendezvous.handle(input, at: now)
        performRendezvousActions()
    }

    /// Dials and sessions need the server more, or less, than before.
    func serverDemandChanged() {
        let (now, demand) = (now, serverDemand)
        rendezvous.handle(.demandChanged(demand), at: now)
        armRendezvousTimer()
    }

    func performRendezvousActions() {
        rendezvousDepth += 1
        while !isOver, let action = rendezvous.nextAction() { perform(action) }
        rendezvousDepth -= 1
        guard rendezvousDepth == 0, !isOver else { return }
        link?.flush()
        // The actions may have changed the demand.
        serverDemandChanged()
    }

    /// One timer for the machine. One that comes too early does nothing but set the next: most deadlines only move on.
    private func armRendezvousTimer() {
        guard !isOver, let deadline = rendezvous.deadline else { return }
        let time = time(of: deadline)
        if let timer = rendezvousTimer, timer.time <= time { return }
        rendezvousTimer?.task.cancel()
        let task = OneShot(on: eventLoop, at: time) { [weak self] in
            self?.rendezvousTimer = nil
            if let self, let silence = self.link?.packetSilence { self.rendezvous.handle(.packetSilence(silence), at: self.now) }
            self?.feedRendezvous(.timeout(jitter: .random(in: 0...1)))
        }
        rendezvousTimer = (time, task)
    }

    private func perform(_ action: RendezvousClient.Action) {
        switch action {
        case .resolve: resolveServer()
        case .connect: connectToServer()
        case .disconnect(let isDiscarded): isDiscarded ? link?.discard() : link?.close()
        case .send(let body): link?.send(body, flush: false)
        case .registrationSent(let isFirstOnLink): registrationSent(isFirstOnLink)
        case .openCircuits(let window): for circuit in Array(circuits.values) { circuit.open(window: window) }
        case .registered(let isFirstOnLink): registered(isFirstOnLink)
        case .linkLost(let message): lostLink(message)
        case .dialedBack(let answer): dialedBack(answer)
        case .fail(let error): fail(error)
        }
    }

    // MARK: The link

    private func connectToServer() {
        // A server that was away has refused bindings.
        openWarmConnections()
        linkStart = eventLoop.now
        link = RendezvousLink(configuration.rendezvous, routes: serverRoutes, certificate: certificate, of: system, on: eventLoop) {
            [weak self] event in
            guard let self, !self.isOver else { return }
            switch event {
            case .up: self.linkCameUp()
            case .message(let body): self.received(body)
            case .down(let error): self.feedRendezvous(.linkDown(error, jitter: .random(in: 0...1)))
            }
        }
        link?.isUrgent = { [weak self] in self?.isServerMissed ?? false }
    }

    private func linkCameUp() {
        rendezvous.handle(.linkUp(serverKeyHash: link?.serverKeyHash), at: now)
        for warm in warms { warm.expect(within: serverRoundTrip) }
        for warm in warms { warm.serverHasAnswered(by: link?.route, since: linkStart) }
        openWarmConnections()
        refreshRendezvous()
    }

    /// Looks the server's names up again. Where none leads anywhere, the addresses stay that were good before.
    private func resolveServer() {
        resolveRoutes().assumeIsolated().whenComplete { [weak self] result in
            guard let self, !self.isOver else { return }
            if let routes = try? result.get(), !routes.isEmpty {
                self.serverAddresses = routes
                self.expandRoutes()
            }
            self.feedRendezvous(.resolved)
        }
    }

    private func received(_ body: WireEnvelope.OneOf_Body) {
        switch body {
        case .welcome, .registered, .dialedBack, .ping, .pong, .failure: return feedRendezvous(.message(body))
        default: rendezvous.handle(.heard, at: now)
        }
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
            case nil: break
            }
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
        case .hello, .register, .dial, .dialCancel, .meetAck, .dialBack, .welcome, .registered, .dialedBack, .ping, .pong, .failure: break
        }
    }

    private func lostLink(_ message: String) {
        for circuit in Array(circuits.values) { circuit.endByPeer() }
        circuits = [:]
        if case .registered = state { tell(.serverLost(message)) }
        let error = TransportError(.serverUnreachable, message)
        for attempt in remotes.allDials { attempt.lostServer(error) }
        // The cause may have ended NAT bindings, too, and nothing else would notice in an idle peer.
        verifyMappings(isUrgent: true)
    }

    // MARK: Registration

    private func registrationSent(_ isFirstOnLink: Bool) {
        // The server takes messages in their order.
        if isFirstOnLink { requestPaths() }
        for warm in warms where warm.observed != nil { warm.prove(username: "\(instance)", key: stunKey) }
        for attempt in remotes.allDials { attempt.dialIfWaiting() }
    }

    private func registered(_ isFirstOnLink: Bool) {
        // Told before anyone goes on who waits for it.
        tell(.registered(warms.compactMap(\.observed)))
        if case .starting = state {
            state = .registered
            for promise in waitingForRegistration.values { promise.succeed() }
            waitingForRegistration = [:]
        }
        if isFirstOnLink {
            registrationTime = .nanoseconds((eventLoop.now - linkStart).nanoseconds)
            hurry()
        }
        profileWhenQuiet()
    }

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

    // MARK: DialBack

    /// Has the server connect to the reserved port. The result is nil if the server does not answer.
    func dialBack() -> EventLoopFuture<WireDialedBack?> {
        guard !isOver, port != nil else { return eventLoop.makeSucceededFuture(nil) }
        let promise = eventLoop.makePromise(of: WireDialedBack?.self)
        waitingForDialBack.append(promise)
        feedRendezvous(.dialBack)
        return promise.futureResult
    }

    /// The server's answer; nil where none will come.
    func dialedBack(_ answer: WireDialedBack?) {
        let waiting = waitingForDialBack
        waitingForDialBack = []
        for promise in waiting { promise.succeed(answer) }
    }
}
