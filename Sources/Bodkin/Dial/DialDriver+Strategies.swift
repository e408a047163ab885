import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Names one SYN of a dial: whose strategy's, by its place in ``DialDriver/strategies``, and which of it.
struct ShotKey: Hashable {
    let strategy: Int
    let shot: ShotID
}

/// The driver of the strategies: their sockets, their timer, the server's signals, the NAT model's samples, and who hears of what.
extension DialDriver {
    private var strategyContext: DialContext {
        let meeting = dial.meeting
        return DialContext(
            start: dial.start, isDialer: role == .dialer, isRemoteAuthenticated: isRemoteAuthenticated,
            isConnecting: dial.hasDirectPath || hasConnection, hasDirectPath: dial.hasDirectPath, isDirectPathDoubted: isDirectPathDoubted,
            allowsPrediction: meeting.map { $0.isDirect && $0.hasCandidates } ?? false && engine.usesCircuits,
            serverRoundTrip: .nanoseconds(engine.serverRoundTrip.nanoseconds), timeByCircuit: timeByCircuit,
            hasRelays: engine.hasRelays && dial.purpose != .forecast, isOnRelay: (session ?? liveSessions.first)?.activePath?.kind == .turn,
            remoteAddresses: meeting.map { Array(Set($0.observed.map(\.address))) } ?? [], keptRemoteEndpoint: meeting?.keptEndpoint,
            seed: .random(in: .min ... .max), localNAT: { [engine] in engine.localNAT })
    }

    /// The time of a message by the circuit, one way; zero where that is not known.
    private var timeByCircuit: Duration {
        guard let path = session?.activePath, path.kind.isRelayed, let time = path.handshakeTime else { return .zero }
        return min(time, .seconds(1)) / 2
    }

    /// Something has happened that concerns every strategy.
    func tell(_ event: PathStrategyEvent) {
        guard !isOver else { return }
        for index in strategies.indices where !isOver { deliver(event, to: index) }
        tellDialOfExhaustion()
    }

    /// Something has happened to a connection of a strategy.
    func tell(_ event: PathStrategyEvent, to strategy: Int) {
        guard !isOver else { return }
        deliver(event, to: strategy)
        tellDialOfExhaustion()
    }

    /// Something has been found out about a connection, and the dial goes on by itself.
    func deliver(_ event: PathStrategyEvent, to strategy: Int) {
        let context = strategyContext
        strategies[strategy].handle(event, in: context, report: &dial.report, at: engine.now)
        performActions(of: strategy)
    }

    /// What has no answer by now will have none.
    func finishStrategies(where isMeant: (any PathStrategy) -> Bool = { _ in true }) {
        for index in strategies.indices where isMeant(strategies[index]) {
            let context = strategyContext
            strategies[index].finish(in: context, report: &dial.report, at: engine.now)
            performActions(of: index)
        }
    }

    /// Closes what is half-open, without a verdict.
    func closeStrategies() {
        for index in strategies.indices {
            strategies[index].close()
            performActions(of: index)
        }
    }

    /// There is room for so many connections. Returns whether it is of use.
    func granted(_ count: Int, for use: HalfOpenBudget.Use) -> Bool {
        guard isMeeting, let index = strategies.firstIndex(where: { $0.roomUse == use }) else { return false }
        tell(.granted(count), to: index)
        return true
    }

    /// There will be no room for so many connections.
    func denied(_ count: Int, for use: HalfOpenBudget.Use) {
        for index in strategies.indices where strategies[index].roomUse == use { tell(.denied(count), to: index) }
    }

    /// What the remote peer's next connections look like.
    func received(_ wire: WireForecast) {
        // Nobody is fired at whom the server has not seen this peer at.
        guard let forecast = wire.forecast, let meeting = dial.meeting, meeting.observed.contains(where: { $0.address == forecast.address }) else {
            return
        }
        tell(.remoteForecast(forecast, round: Int(clamping: wire.round)))
    }

    private func tellDialOfExhaustion() { if isExhausted { feed(.strategiesExhausted) } }

    private func performActions(of strategy: Int) {
        while let action = strategies[strategy].nextAction() { perform(action, of: strategy) }
        setTimer()
    }

    private func perform(_ action: PathStrategyAction, of strategy: Int) {
        func key(_ shot: ShotID) -> ShotKey { ShotKey(strategy: strategy, shot: shot) }
        let use = strategies[strategy].roomUse
        switch action {
        case .requestRoom(let count): if let use { engine.requestRoom(for: self, use, count: count) }
        case .withdrawRequest: if let use { engine.withdrawRequest(of: id, use) }
        case .returnRoom(let count): if let use { for _ in 0..<count { engine.releaseRoom(of: id, use) } }
        case .takePorts(let count): engine.tookPorts(count)
        case .connect(let shot, let endpoint, let source): connect(key(shot), to: endpoint, from: source)
        case .close(let shot): connecting.removeValue(forKey: key(shot))??.close(promise: nil)
        case .closeAll:
            for key in connecting.keys where key.strategy == strategy { connecting.removeValue(forKey: key)??.close(promise: nil) }
        case .discard(let shot): if let channel = connecting.removeValue(forKey: key(shot)) ?? nil { ReservedPort.discard(channel) }
        case .inspect(let shot):
            guard let channel = connecting[key(shot)] ?? nil else { return }
            ReservedPort.inspect(channel) { [weak self] state in self?.tell(.inspected(shot, state), to: strategy) }
        case .discardUnlessHeard(let shot):
            guard let path = paths[key(shot)], !path.hasHeard else { return }
            paths[key(shot)] = nil
            path.discard()
            tell(.unheard(shot), to: strategy)
        case .verifyBindings: engine.verifyMappings()
        case .clear(let endpoint, let isPressing):
            if !engine.inbound.clear(endpoint, isPressing: isPressing) { engine.tellPorts(.otherPortNeeded(id)) }
        case .replacePort: engine.tellPorts(.otherPortNeeded(id))
        case .foundSilence(let isLong): tell(.meetStayedSilent(isLong: isLong))
        case .sample(let round):
            engine.sampleAllocator().assumeIsolated().whenSuccess { [weak self] sample in
                self?.tell(.sampled(round: round, sample.map { ($0.last.external.port, $0.next) }), to: strategy)
            }
        case .sendForecast(let forecast, let round): send(WireForecast(forecast, round: round))
        case .foundAddressDependence: engine.sawAddressDependence()
        case .awaitTurn: engine.eventLoop.assumeIsolated().execute { [weak self] in self?.tell(.turn, to: strategy) }
        case .queryRelays: queryRelays()
        case .allocate(let family): allocate(family, for: strategy)
        case .permit(let addresses): permit(addresses)
        case .sendRelayed(let endpoint): send(relayed: endpoint)
        case .connectToRelayed(let shot, let endpoint): connect(key(shot), toRelayed: endpoint)
        case .connectByRelay(let shot, let endpoint): connect(key(shot), byRelayTo: endpoint)
        case .releaseRelays: releaseRelays()
        case .judged(let entry): engine.tell(.attempt(peer, report.attempts[entry]), since: start)
        }
    }

    private func connect(_ key: ShotKey, to endpoint: Endpoint, from source: ShotSource) {
        guard let use = strategies[key.strategy].roomUse else { return }
        let started: (any Channel) -> Void = { [weak self] channel in
            // Closed before it began.
            guard let self, self.connecting[key] != nil else { return channel.close(promise: nil) }
            self.connecting[key] = .some(channel)
        }
        connecting[key] = .some(nil)
        let purpose = use == .search ? OutboundGate.Purpose.search(peer, standing) : .meet(peer, standing)
        let connection: EventLoopFuture<any Channel>
        switch source {
        case .dialPort(let interface):
            guard isMeeting, let port = engine.port(for: id) else {
                connecting[key] = nil
                engine.releaseRoom(of: id, use)
                return tell(.failed(key.shot, .other("no port to connect from")), to: key.strategy)
            }
            connection = port.connect(to: endpoint, interface: interface, for: purpose, started: started)
        case .reservedPort: connection = engine.connect(from: engine.port?.number ?? 0, to: endpoint, for: purpose, started: started)
        case .port(let local): connection = engine.connect(from: local, to: endpoint, for: purpose, started: started)
        }
        let (engine, id) = (engine, id)
        connection.assumeIsolated().whenComplete { engine.releaseRoom(of: id, use, after: $0.failure) }
        complete(key, by: connection)
    }

    /// What the gate knows the remote peer by.
    var standing: OutboundGate.Standing {
        remote.isListed ? .listed : isRemoteAuthenticated ? .provedStranger : .stranger
    }

    func connected(_ key: ShotKey, _ channel: any Channel) {
        do {
            let path = try path(on: channel, of: strategies[key.strategy].kind)
            paths[key] = path
            tell(.connected(key.shot), to: key.strategy)
            follow(path, as: .shot(key))
            channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
        } catch {
            channel.close(promise: nil)
            tell(.failed(key.shot, .other(error.inPlainWords)), to: key.strategy)
        }
    }
}

extension PeerEngine {
    /// What the strategies of a dial may know of the local NAT.
    var localNAT: DialContext.LocalNAT {
        DialContext.LocalNAT(
            observed: observedEndpoint, keepsEndpoint: keepsEndpoint, isAllocatorKnown: allocation != nil, isMappingDoubtful: isMappingDoubtful,
            blockRange: allocation?.ports, blockPortsLeft: blockPortsLeft, ports: { [self] in ports(for: $0) })
    }
}

extension Result {
    /// What it has failed with.
    var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}

extension ShotFailure {
    /// What a connection's error means.
    init(_ error: any Error) {
        if let refusal = error as? OutboundGate.Refusal {
            self = .withheld(refusal)
            return
        }
        if let refusal = error as? TURNRefusal {
            self = .other(refusal.message)
            return
        }
        let code = (error as? IOError)?.errnoCode ?? ((error as? NIOConnectionError)?.connectionErrors.first?.error as? IOError)?.errnoCode
        switch code {
        case ECONNREFUSED: self = .refused
        case EHOSTUNREACH, ENETUNREACH, ENOPROTOOPT, EACCES: self = .unreachable
        case ETIMEDOUT: self = .silent
        case EADDRNOTAVAIL: self = .occupied
        case EMFILE, ENFILE: self = .noDescriptor
        default: self = .other(error.inPlainWords)
        }
    }
}
