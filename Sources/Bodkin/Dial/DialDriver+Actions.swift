import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import FoundationEssentials
import Logging
import NIOCore

/// What happens to a dial, as the rest of the engine tells it.
extension DialDriver {
    func begin() {
        feed(.begin(isFirst: true))
        engine.link?.flush()
    }
    func dialIfWaiting() { feed(.registrationSent) }
    func pending() { feed(.pending) }
    func refused(_ reason: WireDialFailed.Reason) { feed(.refused(reason)) }
    func lostRemote() { feed(.remoteLost) }
    func lostServer(_ error: TransportError) { feed(.serverLost(message: error.message)) }
    func receivedForecast(_ forecast: WireForecast) { feed(.forecast(forecast)) }
    func answerForecastQuery() { feed(.samplingChanged) }
    /// Another one is in its place.
    func yieldToNewerDial() { feed(.replaced) }
    func end() { feed(.ended) }
    /// A called end whose dialer never comes is forgotten.
    func expire() { setTimer() }

    /// The server says: meet now.
    func meet(_ wire: WireMeet) {
        guard dial.meeting == nil, let instance = InstanceID(bytes: wire.instance) else { return }
        feed(
            .met(
                Dial.Meet(
                    instance: instance, observed: wire.observed.prefix(8).compactMap { $0.endpoint() }, isDirect: wire.direct,
                    // Neither a wild server nor a wild clock makes us wait for long, or fire without end.
                    wait: .microseconds(Int64(min(wire.startInUs, 4_000_000))),
                    interval: .microseconds(Int64(min(max(wire.intervalUs, 50_000), 5_000_000))), card: read(wire.card))))
    }

    func received(_ wire: WireObserved) { feed(.observed(wire.observed.prefix(8).compactMap { $0.endpoint() })) }

    func received(_ wire: WireSignedCard) { if dial.takesCards { feed(.card(read(wire))) } }

    private func read(_ wire: WireSignedCard) -> Result<Card, Card.Refusal> {
        do throws(Card.Refusal) {
            return .success(try Card(wire, of: peer, server: engine.serverHash, now: engine.serverTime))
        } catch {
            return .failure(error)
        }
    }

    /// Our own candidates have changed: the remote peer hears of them.
    func announce(_ card: WireSignedCard?) {
        guard dial.isAtServer, let card else { return }
        send(.card(card))
        if engine.isMapped(for: id) { tell(.portAnnounced) }
    }

    /// Our port is another one now. Our NAT may have forgotten, at an RST, the former one's mapping as a whole, and would forget the fresh one's in the same way:
    /// so the remote peer fires first, as soon as it is told.
    func portReplaced(within limit: Duration) { if dial.mayBeMet { tell(.portReplaced(limit: limit)) } }

    func send(_ forecast: WireForecast) { send(.forecast(forecast)) }

    func send(_ payload: WireSignal.OneOf_Payload) {
        var signal = WireSignal()
        signal.attempt = Data(id.bytes)
        signal.payload = payload
        engine.link?.send(.signal(signal))
    }
}

/// The driver of the ``Dial``.
extension DialDriver {
    private var context: Dial.Context {
        let (engine, id) = (engine, id)
        return Dial.Context(
            session: session.map { Dial.Session(activePath: $0.activePath?.kind, isSuspect: $0.isSuspect, isTentative: isTentative) },
            isCircuitOpen: engine.circuits[id] != nil, isCircuitTaken: isCircuitTaken, isConnecting: hasConnection,
            isRemoteAuthenticated: isRemoteAuthenticated, areStrategiesExhausted: isExhausted,
            verdict: strategies.lazy.compactMap(\.verdict).first, isRegistrationSent: engine.isRegistrationSent,
            isCardAcknowledged: engine.registeredSequence >= engine.sequence && !engine.ports.hasOwnPort(id), isPortMapped: engine.isMapped(for: id),
            isSeen: engine.bindings.contains { $0.observed != nil }, hasDeferredMeet: remote.hasDeferredMeet(for: id),
            isCalled: remote.dials.contains { $0.role == .called }, isSampling: engine.isSampling,
            hasPort: engine.port != nil, serverRoundTrip: .nanoseconds(engine.serverRoundTrip.nanoseconds),
            network: { engine.localNetwork(for: id) })
    }

    func feed(_ input: Dial.Input) {
        let context = context
        dial.handle(input, in: context, at: engine.now)
        while let action = dial.nextAction() { perform(action) }
        setTimer()
    }

    /// Waits for the next deadline of the dial and of its strategies.
    func setTimer() {
        let deadline = isOver ? nil : ([dial.deadline] + strategies.map(\.deadline)).compactMap { $0 }.min()
        if deadline != timer.deadline { timer.set(to: deadline, by: engine.clock) { [weak self] in self?.deadlineCame() } }
    }

    private func deadlineCame() {
        timer.cancel()
        if dial.deadline.map({ $0 <= engine.now }) ?? false { feed(.timeout) }
        for index in strategies.indices where strategies[index].deadline.map({ $0 <= engine.now }) ?? false { tell(.timeout, to: index) }
        setTimer()
    }

    private func perform(_ action: Dial.Action) {
        switch action {
        case .emit(let kind): engine.tell(kind, since: start)
        case .openCircuit: openCircuit()
        case .expectCircuit(let time): circuitPath?.expectHandshake(from: engine.start + TimeAmount(time.sinceStart))
        case .sendDial(let instance, let isDirect, let patience): sendDial(to: instance, isDirect: isDirect, patience: patience)
        case .sendCancel:
            var cancel = WireDialCancel()
            cancel.attempt = Data(id.bytes)
            engine.link?.send(.dialCancel(cancel))
        case .acceptDeferredMeet(let refusal):
            remote.handle(.deferredMeetAccepted)
            if let refusal { feed(.refused(refusal)) }
        case .waitAgain: waitAgain()
        case .dialAnew:
            let successor = DialDriver(anew: self)
            engine.keep(successor)
            remote.handle(.dialReplaced(id, by: successor.id))
            end()
            successor.feed(.begin(isFirst: false))
            engine.link?.flush()
        case .tell(let event): tell(event)
        case .deliver(let event, let key): deliver(event, to: key.strategy)
        case .finishStrategies(let isConclusion):
            finishStrategies()
            if isConclusion { feed(.strategiesFinished) }
        case .abandonDirectPaths:
            finishStrategies { $0.kind.isDirect }
            tell(.directPathsAbandoned)
        case .announceCard: announce(engine.currentCard(for: id))
        case .close(let ref): path(ref)?.close()
        case .awaitOpening(let ref): if let path = path(ref) { engine.awaitOpening(path, from: peer) }
        case .beginSession(let ref, let instance): if let path = path(ref) { beginSession(on: path, with: instance) }
        case .addPath(let ref, let kind):
            if let path = path(ref) { session?.add(path) }
            if kind.isRelayed { feed(.sessionChanged) }
        case .reportMissedCircuit: engine.eventLoop.assumeIsolated().execute { [weak self] in self?.feed(.circuitMissed) }
        case .expectDirectPath: if let session { remote.handle(.directPathMissed, of: session.id) }
        case .reportRelayed(let verdict): logRelayed(verdict)
        case .complete: complete()
        case .fail(let code, let message):
            // Why there never was a server is known better than by the dial.
            let obstacle = code == .serverLost ? engine.rendezvous.obstacle : nil
            fail(obstacle ?? PeerError(code, message, report: report))
        case .requestForecast: send(WireForecast())
        case .sampleAgain:
            engine.learnAllocationBetter()
            feed(.samplingChanged)
        case .answerForecast: send(engine.localForecast.map { WireForecast($0, round: 0) } ?? WireForecast())
        case .deliverForecast(let forecast):
            guard let promise = forecastPromise else { return }
            forecastPromise = nil
            promise.succeed(forecast)
            end()
        case .release: release()
        }
    }

    private func sendDial(to instance: InstanceID?, isDirect: Bool, patience: Duration) {
        var dial = WireDial()
        if let instance { dial.instance = Data(instance.bytes) }
        dial.to = Data(peer.publicKey)
        dial.attempt = Data(id.bytes)
        dial.early = early.map { Data($0.readableBytesView) } ?? Data()
        dial.direct = isDirect
        dial.patienceMs = UInt32(clamping: TimeAmount(patience).nanoseconds / 1_000_000)
        early = nil
        engine.link?.send(.dial(dial), flush: false)
        engine.probeServerWhileWaiting()
    }

    private func waitAgain() {
        let successor = DialDriver(again: self)
        dial.stop()
        closeStrategies()
        engine.keep(successor)
        if let path = successor.circuitPath, path.channel.isActive {
            successor.follow(path, as: .circuit)
            path.expectHandshake(from: engine.start + TimeAmount(dial.callDeadline.sinceStart))
        }
        successor.setTimer()
        engine.probeServerWhileWaiting()
    }

    /// Of a session that was there before, how it once came about stands.
    private func complete() {
        guard !isResumption else { return record?.judged(report.verdict) ?? () }
        record?.finish(report)
        engine.metrics.dialed(report)
        engine.tell(.report(report), since: start)
    }

    private func logRelayed(_ verdict: RelayVerdict) {
        // Said once, and again where the reason has become another.
        let isKnown = isResumption && record?.report.verdict == verdict
        var metadata: Logger.Metadata = [
            "peer": "\(peer)", "verdict": "\(verdict.rawValue)", "meaning": "\(verdict.meaning)", "advice": "\(verdict.advice)",
            "attempts": "\(report.attempts.map(\.description).joined(separator: "; "))",
        ]
        // Of the network here more may be known than the attempts show.
        if let recommendation = engine.networkProfile?.recommendations.first { metadata["here"] = "\(recommendation.advice)" }
        engine.configuration.logger.log(level: isKnown ? .info : .warning, "relayed", metadata: metadata)
    }
}

extension PeerEngine {
    /// What all dials have in common.
    var dialConfiguration: Dial.Configuration {
        Dial.Configuration(
            localPeer: id, timeout: configuration.dialTimeout, usesDirectPaths: usesDirectPaths, usesCircuits: usesCircuits,
            allowsPrivateAddresses: configuration.allowsPrivateAddresses)
    }

    /// The local network as a dial sees it from its port.
    func localNetwork(for dial: AttemptID) -> Dial.LocalNetwork? {
        guard let port = port(for: dial) else { return nil }
        let attachments = attachments
        return Dial.LocalNetwork(
            ownObserved: bindings.compactMap(\.observed),
            // The link's own is one, also where it is loopback, as towards a server on this host.
            ownAddresses: attachments.interfaces.flatMap(\.addresses).map(\.address) + [link?.local?.address].compactMap { $0 },
            ownPort: port.number, onLink: attachments.onLink, gateways: attachments.gateways,
            families: Set(port.families.filter { !attachments.addresses($0).isEmpty }), interfaces: { attachments.interfaces(towards: $0) })
    }

    /// Dials a peer by circuit, opens no session, and asks for its forecast: its application hears nothing of it.
    func queryForecast(of peer: PeerID) -> EventLoopFuture<WireForecast?> {
        if let error = dialRefusal(to: peer) { return eventLoop.makeFailedFuture(error) }
        let attempt = DialDriver(dialing: peer, for: .forecast, engine: self)
        keep(attempt)
        return attempt.queryForecast()
    }
}
