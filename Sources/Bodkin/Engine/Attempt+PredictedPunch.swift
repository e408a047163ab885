import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// The driver of ``PredictedPunch``: its sockets, its timer, the server's signals, and the NAT model's samples.
extension Attempt {
    private var punchContext: PredictedPunch.Context {
        PredictedPunch.Context(
            start: engine.instant(start), isDialer: role == .dialer,
            isRemoteAuthenticated: isRemoteAuthenticated, isConnecting: isConnecting,
            isWanted: phase == .meeting && isDirectWanted && engine.usesCircuits, hasDirectPath: hasDirectPath,
            serverRoundTrip: .nanoseconds(engine.serverRoundTrip.nanoseconds), timeByCircuit: .nanoseconds(wayByCircuit.nanoseconds),
            keptRemoteEndpoint: keptEndpoint, observed: engine.observedEndpoint, keepsEndpoint: engine.keepsEndpoint,
            isAllocatorKnown: engine.allocation != nil, isMappingDoubtful: engine.isMappingDoubtful, blockRange: engine.allocation?.ports,
            blockPortsLeft: engine.blockPortsLeft, ports: { [engine] in engine.ports(for: $0) })
    }

    /// The two sides meet: if one side's ports are not kept, the dial finds out what they will be.
    func predict() {
        guard engine.configuration.predictsPorts else { return }
        isPredicting = true
        tellPunch(.begin)
    }

    /// Something has happened that concerns port prediction.
    func tellPunch(_ event: PredictedPunch.Event) {
        guard isPredicting, phase != .over else { return }
        var random = SystemRandomNumberGenerator()
        predictedPunch.handle(event, in: punchContext, report: &report, at: engine.now, using: &random)
        performPunchActions()
    }

    /// The dial is over.
    func endPunch() {
        guard isPredicting else { return }
        predictedPunch.end()
        performPunchActions()
        punchTimer?.cancel()
    }

    /// What the remote peer's next connections look like.
    func received(_ wire: WireForecast) {
        // Nobody is fired at whom the server has not seen this peer at.
        guard let forecast = wire.forecast, observed.contains(where: { $0.address == forecast.address }) else { return }
        tellPunch(.remoteForecast(forecast, round: Int(clamping: wire.round)))
    }

    /// Whether a path that has come up shows that a new remote address is given another port.
    var showsAddressDependence: Bool { isPredicting && predictedPunch.showsAddressDependence(punchContext) }

    private func performPunchActions() {
        while let action = predictedPunch.nextAction() { perform(action) }
        punchTimer?.cancel()
        guard phase != .over else { return }
        punchTimer = predictedPunch.deadline.map { deadline in
            OneShot(on: engine.eventLoop, at: engine.time(of: deadline)) { [weak self] in self?.tellPunch(.timeout) }
        }
    }

    private func perform(_ action: PredictedPunch.Action) {
        switch action {
        case .sample(let round):
            engine.sampleAllocator().assumeIsolated().whenSuccess { [weak self] sample in
                self?.tellPunch(.sampled(round: round, sample.map { ($0.last.external.port, $0.next) }))
            }
        case .tell(let forecast, let round):
            var signal = WireSignal()
            signal.attempt = Data(id.bytes)
            signal.forecast = WireForecast(forecast, round: round)
            engine.link?.send(.signal(signal))
        case .takePorts(let count): engine.tookPorts(count)
        case .requestRoom(let count): engine.requestRoom(for: self, .search, count: count)
        case .withdrawRequest: engine.withdrawRequest(of: id, .search)
        case .returnRoom(let count): for _ in 0..<count { engine.releaseRoom(of: id, .search) }
        case .connect(let local, let endpoint): connect(from: local ?? engine.port?.number ?? 0, toPredicted: endpoint)
        case .awaitTurn: engine.eventLoop.assumeIsolated().execute { [weak self] in self?.tellPunch(.turn) }
        case .closeAll:
            let open = punchShots.values
            punchShots = [:]
            for channel in open { channel.close(promise: nil) }
        case .judged(let entry): engine.tell(.attempt(peer, report.attempts[entry]), since: start)
        case .exhausted: concludeIfExhausted()
        }
    }

    private func connect(from local: UInt16, toPredicted endpoint: Endpoint) {
        let (engine, id) = (engine, id)
        var own: ObjectIdentifier?
        let connecting = engine.connect(from: local, to: endpoint) { [weak self] channel in
            own = ObjectIdentifier(channel)
            self?.punchShots[ObjectIdentifier(channel)] = channel
        }
        connecting.assumeIsolated().whenComplete { [weak self] result in
            engine.releaseRoom(of: id, .search, after: result.failure)
            let isOurs = own.flatMap { self?.punchShots.removeValue(forKey: $0) } != nil
            if result.failure?.isShortageOfDescriptors == true { self?.tellPunch(.withoutDescriptor) }
            guard case .success(let channel) = result else { return }
            guard let self, isOurs, self.phase == .meeting, let path = self.follow(predicted: channel, entry: self.predictedPunch.entry) else {
                return channel.close(promise: nil)
            }
            self.punchPaths.append(path)
        }
    }
}

extension Result {
    /// What it has failed with.
    var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}
