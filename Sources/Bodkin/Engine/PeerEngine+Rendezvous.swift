import BodkinCore
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import FoundationEssentials
import NIOCore

/// The link to the server: registration, messages, reconnection.
extension PeerEngine {
    /// How often in a row a card is signed anew because the server calls it expired: once sets the clock, and once more allows for its stepping just then.
    private static let expiryLimit = 2

    /// Whatever comes next, comes over another link.
    private func forgetLink() {
        isLinkUp = false
        isRegistrationSent = false
        isWelcomed = false
        isRegistered = false
    }

    func openLink() {
        forgetLink()
        linkStart = eventLoop.now
        link = RendezvousLink(configuration.rendezvous, ways: ways, certificate: certificate, of: system, on: eventLoop) { [weak self] event in
            guard let self, !self.isOver else { return }
            switch event {
            case .up: self.linkCameUp()
            case .message(let body): self.received(body)
            case .down(let error): self.lostLink(error)
            }
        }
        link?.isUrgent = { [weak self] in self?.isServerMissed ?? false }
    }

    /// What is known of us has changed: the server, and whoever is about to meet us, hear of it.
    func registerAfresh() {
        guard isRegistrationSent else { return }
        register()
        for attempt in attempts.values { attempt.announce(currentCard()) }
    }

    private func linkCameUp() {
        isLinkUp = true
        // TCP and TLS have taken two round trips. The answers of warm connections are here, or a round trip away, or not to be had soon.
        let measured = TimeAmount.nanoseconds(min((eventLoop.now - linkStart).nanoseconds / 2, 1_000_000_000))
        // A handshake that a loss, or a full queue, has held up says little about the way.
        serverRoundTrip = isRoundTripKnown ? min(measured, serverRoundTrip * 2) : measured
        isRoundTripKnown = true
        for warm in warms { warm.expect(within: serverRoundTrip) }
        for warm in warms { warm.serverHasAnswered(by: link?.way, since: linkStart) }
        // Those that a server which was away has refused.
        openWarmConnections()
        // Its mapping is of the same NAT.
        link?.keepalive = { [weak self] in min(.seconds(25), TimeAmount(self?.keepalive(from: self?.link?.local) ?? KeepaliveSearch.first)) }
        // Whoever waits for a path has more of a circuit at once than of candidates a round trip later, which follow.
        if case .registered = state, isServerMissed { return register() }
        let bound = max(serverRoundTrip, .milliseconds(20))
        registrationDeadline = OneShot(on: eventLoop, in: bound) { [weak self] in self?.register() }
        registerWhenReady()
    }

    func registerWhenReady() {
        let isAnswerPending = warms.contains { $0.isConnected && $0.observed == nil }
        let isAnythingKnown = warms.contains { $0.observed != nil }
        if warms.isEmpty || (isAnythingKnown && !isAnswerPending) { register() }
    }

    /// Registers, or registers anew; a dial that waits goes out with it.
    func register() {
        guard let link, isLinkUp, !isOver else { return }
        registrationDeadline?.cancel()
        sequence += 1
        let proved = warms.filter { $0.observed != nil }
        guard let card = currentCard() else { return }
        if !isRegistrationSent {
            var hello = WireHello()
            hello.lowestVersion = 1
            hello.highestVersion = 1
            hello.token = Data(configuration.rendezvous.token ?? [])
            hello.instance = Data(instance.bytes)
            hello.agent = "bodkin"
            link.send(.hello(hello), flush: false)
        }
        var registration = WireRegister()
        registration.card = card
        registration.policy = policy
        registration.stunKey = Data(stunKey)
        registration.warmConnections = UInt32(proved.count)
        link.send(.register(registration), flush: false)
        let isFirst = !isRegistrationSent
        isRegistrationSent = true
        // The server takes them in their order.
        if isFirst { requestPaths() }
        for warm in proved { warm.prove(username: "\(instance)", key: stunKey) }
        for attempt in attempts.values { attempt.dialIfWaiting() }
        link.flush()
    }

    private var policy: WirePolicy {
        var policy = WirePolicy()
        switch configuration.admission {
        case .nobody: policy.admission = .nobody
        case .only(let peers):
            policy.admission = .listed
            policy.peers = peers.map { Data($0.publicKey) }
        case .anyone: policy.admission = .anyone
        }
        return policy
    }

    /// The present card, signed.
    func currentCard() -> WireSignedCard? {
        var candidates: [Candidate] = []
        if let port, usesDirectPaths {
            for warm in warms {
                if let observed = warm.observed, !candidates.contains(where: { $0.endpoint == observed }) {
                    candidates.append(Candidate(.serverReflexive, observed))
                }
            }
            for address in attachments.interfaces.flatMap(\.addresses).map(\.address) where port.families.contains(address.family) {
                let endpoint = Endpoint(address, port.number)
                if !candidates.contains(where: { $0.endpoint == endpoint }) { candidates.append(Candidate(.host, endpoint)) }
            }
        }
        let card = Card(
            peer: id, instance: instance, sequence: sequence, server: serverHash,
            expiry: clock.now(at: eventLoop.now) &+ UInt64(max(configuration.cardLifetime / .milliseconds(1), 0)),
            candidates: candidates, keepsEndpoint: usesDirectPaths && keepsEndpoint == true)
        return try? card.signed(by: configuration.identity.privateKey)
    }

    /// What names the server in cards: the hash in the URL, or of the key that a public authority vouched for.
    var serverHash: [UInt8] { configuration.rendezvous.keyHash ?? link?.serverKeyHash ?? [] }

    private func received(_ body: WireEnvelope.OneOf_Body) {
        switch body {
        case .welcome(let welcome):
            guard !isWelcomed else { return }
            isWelcomed = true
            // The card went out with the hello, good by our clock: where that is wrong, the card is good for too short, or too long.
            if clock.set(welcome.timeMs, at: eventLoop.now) > configuration.cardLifetime / 8, isRegistrationSent { register() }
            serverDialsBack = welcome.dialsBack
            let window = Int(welcome.circuitWindow)
            if window > circuitWindow {
                for circuit in circuits.values { circuit.grant(window - circuitWindow) }
                circuitWindow = window
            }
        case .registered(let registration): registered(registration.sequence)
        case .meet(let meet): received(meet)
        case .dialFailed(let failure):
            guard let id = AttemptID(bytes: failure.attempt), let attempt = attempts[id], attempt.role == .dialler else { return }
            attempt.refused(failure.reason)
        case .observed(let observed):
            guard let id = AttemptID(bytes: observed.attempt) else { return }
            attempts[id]?.received(observed)
        case .recall(let recall): received(recall)
        case .dialedBack(let answer): dialedBack(answer)
        case .signal(let signal):
            guard let id = AttemptID(bytes: signal.attempt), let attempt = attempts[id] else { return }
            switch signal.payload {
            case .card(let card)?: attempt.received(card)
            case .forecast(let forecast)? where forecast.round == 0: attempt.receivedOutlook(forecast)
            case .forecast(let forecast)?: attempt.prediction?.received(forecast)
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
        case .ping(let ping): link?.send(.pong(ping))
        case .failure(let failure): refused(failure)
        case .pong, .hello, .register, .dial, .meetAck, .dialBack: break
        }
    }

    /// Done when the server knows this peer.
    func whenRegistered(for call: ObjectIdentifier) -> EventLoopFuture<Void> {
        switch state {
        case .registered: return eventLoop.makeSucceededVoidFuture()
        case .failed(let error): return eventLoop.makeFailedFuture(error)
        case .closed: return eventLoop.makeFailedFuture(PeerError(.closed, "the peer has been closed: make another one"))
        case .starting:
            let promise = eventLoop.makePromise(of: Void.self)
            waitingForRegistration[call] = promise
            return promise.futureResult
        }
    }

    func cancelRegistered(for call: ObjectIdentifier) { waitingForRegistration.removeValue(forKey: call)?.fail(CancellationError()) }

    private func registered(_ sequence: UInt64) {
        registeredSequence = sequence
        retryCount = 0
        expiryCount = 0
        // Whoever stays is known for longer than a card lives.
        renewal?.cancel()
        renewal = OneShot(on: eventLoop, in: TimeAmount(configuration.cardLifetime / 2)) { [weak self] in self?.register() }
        // Told before anyone goes on who waits for it.
        tell(.registered(warms.compactMap(\.observed)))
        if case .starting = state {
            state = .registered
            for promise in waitingForRegistration.values { promise.succeed() }
            waitingForRegistration = [:]
        }
        if !isRegistered {
            isRegistered = true
            registrationTime = .nanoseconds((eventLoop.now - linkStart).nanoseconds)
            hurry()
        }
        profileWhenQuiet()
    }

    private func refused(_ failure: WireFailure) {
        switch failure.code {
        case .expired:
            // Our clock is wrong by more than a card lives: the server's counts.
            clock.set(failure.timeMs, at: eventLoop.now)
            expiryCount += 1
            guard expiryCount <= Self.expiryLimit else {
                return fail(
                    PeerError(
                        .refused, "the server calls every card expired, also those signed by its own clock: ask whoever runs it to look at that"))
            }
            reopen(after: .zero)
        case .shutdown, .unspecified, .UNRECOGNIZED: break  // the connection's end follows
        case .quota:
            // Who was let in once tries again, ever more seldom.
            if case .registered = state { return }
            fail(PeerError(.quota, failure.message.isEmpty ? "the server has no room for this peer now: try again in a minute" : failure.message))
        case .version, .token, .card, .protocol, .tooLarge, .replaced:
            fail(PeerError(.refused, failure.message.isEmpty ? "the server refuses this peer: ask whoever runs it" : failure.message))
        }
    }

    private func lostLink(_ error: TransportError) {
        let wasUp = isLinkUp
        forgetLink()
        for circuit in Array(circuits.values) { circuit.endByPeer() }
        circuits = [:]
        guard case .registered = state else { return fail(error) }
        tell(.serverLost(error.message))
        for attempt in Array(attempts.values) { attempt.lostServer(error) }
        retryCount += 1
        // A server that fell silent was lost on the way, to us alone.
        if wasUp, error.code == .serverUnreachable { return reopen(after: .zero) }
        // Full jitter over a span that grows by half each time: a restarted server is not met by everyone at once, but first by those whose sessions wait for it.
        let (first, longest): (Int64, Int64) = isServerMissed ? (100, 1_000) : (333, 30_000)
        let span = (0..<min(retryCount, 20)).reduce(first) { span, _ in min(longest, span * 3 / 2) }
        reopen(after: .milliseconds(.random(in: 0...span)))
    }

    func reopen(after delay: TimeAmount) {
        link?.close()
        forgetLink()
        retry?.cancel()
        retry = OneShot(on: eventLoop, in: delay) { [weak self] in
            guard let self, !self.isOver else { return }
            self.openWarmConnections()
            self.openLink()
        }
    }
}
