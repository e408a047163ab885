import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// The rounds of an attempt in which the two sides tell each other which external ports they will have, and fire at those (tiers 2 and 3).
///
/// ```
///            Meet, and our ports are not kept                proved by a circuit        the far side's forecast
///  waiting ─────────────────────────────────▶ sampling ──▶ ready ──────────────▶ told ──────────────────────▶ fired
///     │ the far side's forecast                  ▲                                                          │ nothing came of it
///     └──────── ours is kept: told at once       └───────────────────── the next round ─────────────────────┘
/// ```
/// Nothing is sent to the far side's NAT before the far side has proved itself end to end. Confined to the engine's event loop.
final class Prediction {
    /// How many rounds there are: a second one where strangers have taken the port that was aimed at, or a search has missed.
    private static let roundLimit = 2
    /// How long a thousand guesses take, which are to be on their way before anything comes against them.
    private static let salvo = TimeAmount.milliseconds(60)
    /// How many shots of a search are fired in one turn of the event loop: a millisecond's worth.
    private static let piece = 32
    /// After what time a connection that was up when something was due is looked at again.
    private static let patience = TimeAmount.milliseconds(500)
    /// How long three looks at an allocator take where answers are lost, and a mapping that is made anew.
    private static let longestLook = TimeAmount.seconds(8)
    /// The most half-open connections of the whole peer: home routers have died of more.
    static let budget = 1024

    private unowned let attempt: Attempt
    private var engine: PeerEngine { attempt.engine }
    private var round = 0
    private var own: PortForecast?
    private var far: PortForecast?
    /// The local port from which a burst goes on, where one that counts has been sampled.
    private var nextLocal: UInt16?
    private var isTold = false
    /// Whether a round waits until the server sees our mapping, and our NAT's allocator has been looked at.
    private var isPostponed = false
    private var shots: [ObjectIdentifier: any Channel] = [:]
    /// Shots that are still to be fired: from which local port, to where.
    private var waiting: ArraySlice<(UInt16, Endpoint)> = []
    private(set) var paths: [Path] = []
    private var timer: OneShot?
    /// Until when the far side's forecast is waited for.
    private var answer: OneShot?
    /// When a far side whose ports are kept has heard of ours, and fires.
    private var hearing: OneShot?
    private(set) var reportIndex: Int?
    /// Whether something may still come of it.
    private(set) var isActive = false
    /// Whether no further round will come after this one.
    private var isLast = false
    /// The rounds so far.
    private(set) var trials: [PunchTrial] = []
    /// Whether both sides' ports are drawn from too many.
    private(set) var isHopeless = false

    init(_ attempt: Attempt) { self.attempt = attempt }

    /// The two sides meet, or how our NAT maps and gives ports is known now: where ours are not kept, what they will be is found out while the circuit's handshake is
    /// under way.
    func begin() {
        guard attempt.isDirectWanted, engine.usesCircuits else { return }
        if isPostponed { return prepare(round) }
        guard round == 0, engine.keepsEndpoint == false else { return }
        prepare(1)
    }

    /// The remote peer has proved itself just now.
    func remoteAuthenticated() { tellIfReady() }

    private func prepare(_ number: Int) {
        round = number
        (own, nextLocal, isTold, isPostponed) = (nil, nil, false, false)
        answer?.cancel()
        // Where the mapping is lost there is another one soon.
        guard let observed = engine.observedEndpoint, engine.keepsEndpoint == true || engine.allocation != nil else { return postpone() }
        func forecast(_ port: UInt16, _ ports: PortForecast.Ports) { own = PortForecast(address: observed.address, port: port, ports: ports) }
        if engine.keepsEndpoint == true {
            forecast(observed.port, .kept)
            isActive = isActive || far != nil
            return tellIfReady()
        }
        isActive = true
        // From the sample to the burst: its answer, the word to the far side, and the far side's to us.
        let time = Duration.nanoseconds(engine.serverRoundTrip.nanoseconds * 3) + .milliseconds(50)
        let ports = PortForecast.Ports(engine.allocation, within: time, ofBlock: engine.blockPortsLeft)
        switch ports {
        case .counted:
            engine.sampleAllocator().assumeIsolated().whenSuccess { [weak self] sample in
                guard let self, self.round == number, self.isActive else { return }
                guard let sample else { return self.finish() }
                self.nextLocal = sample.next
                forecast(sample.last.external.port, ports)
                self.tellIfReady()
            }
        case .drawn(_, _, let isBlock):
            // A port between those seen is certainly in the block; one beyond them may be outside it.
            forecast(isBlock ? engine.allocation?.ports.map { .random(in: $0) } ?? observed.port : observed.port, ports)
            tellIfReady()
        case .kept, .unknown: finish()
        }
    }

    /// Waits until our mapping and allocator are known, and no longer than they ever take.
    private func postpone() {
        isPostponed = true
        answer = OneShot(on: engine.eventLoop, in: Self.longestLook) { [weak self] in
            if self?.isPostponed == true { self?.finish() }
        }
    }

    private func tellIfReady() {
        guard attempt.isRemoteAuthenticated, !isTold, let own else { return }
        guard !attempt.isConnecting else { return wait(Self.patience) { $0.tellIfReady() } }
        isTold = true
        var signal = WireSignal()
        signal.attempt = Data(attempt.id.bytes)
        signal.forecast = WireForecast(own, round: round)
        engine.link?.send(.signal(signal))
        // The far side answers as soon as it knows what its own ports will be, if it answers at all. One that is far away, or that had to ask twice, may do so
        // later: as long as the meeting lasts.
        let patience = max(.seconds(1), engine.serverRoundTrip * 8)
        answer = OneShot(on: engine.eventLoop, in: patience) { [weak self] in
            guard let self, self.far == nil else { return }
            self.isActive = false
            self.attempt.concludeIfExhausted()
        }
        foreseeAnswer()
        fireIfReady()
    }

    /// What the far side will answer is in its card where its ports are kept. It fires when it has heard of ours, half a round trip by circuit from now, and so do we,
    /// without waiting for it to say so; a few milliseconds later, so that our SYN does not come before its guesses have gone out.
    private func foreseeAnswer() {
        guard case .counted = own?.ports, far == nil, let endpoint = attempt.keptEndpoint else { return }
        let way = attempt.wayByCircuit
        guard way > .zero else { return }
        hearing = OneShot(on: engine.eventLoop, in: way + max(.milliseconds(5), .nanoseconds(way.nanoseconds / 8))) { [weak self] in
            guard let self, self.far == nil else { return }
            self.far = PortForecast(address: endpoint.address, port: endpoint.port, ports: .kept)
            self.fireIfReady()
        }
    }

    /// What the far side's next connections will look like.
    func received(_ wire: WireForecast) {
        guard let forecast = wire.forecast, attempt.phase == .meeting, attempt.isDirectWanted, round <= Self.roundLimit else { return }
        // Nobody is shot at whom the server has not seen this peer at.
        guard attempt.observed.contains(where: { $0.address == forecast.address }) else { return }
        switch Int(clamping: wire.round) {
        case round where far == nil: break
        case round + 1 where !isLast && round < Self.roundLimit:
            close()
            far = nil
            prepare(round + 1)
        default: return
        }
        // Nothing to tell, and so nothing to be done.
        guard own != nil || isActive || isPostponed else { return }
        isActive = !isPostponed
        far = forecast
        hearing?.cancel()
        fireIfReady()
    }

    private func fireIfReady() {
        guard isTold, let own, let far, timer == nil else { return }
        var random = SystemRandomNumberGenerator()
        guard let part = PunchRound(own: own, far: far, using: &random) else {
            isHopeless = true
            return finish()
        }
        isLast = part.isLast || round == Self.roundLimit
        // What worked between such networks is tried first. Where it does not, the usual order comes next.
        let kinds = (own: own.network.kind, far: far.network.kind)
        if trials.isEmpty { attempt.report.precedent = engine.memory.precedent(own: kinds.own, far: kinds.far) }
        let trial = PunchTrial(
            part, between: [own.ports, far.ports], own: kinds.own, far: kinds.far, precedent: attempt.report.precedent, after: trials)
        trials.append(trial)
        wait(part.waits(isBurstFirst: trial.isBurstFirst) ? skew(of: part.action) : .zero) { $0.fire(part.action) }
    }

    /// How long whoever fires second waits.
    private func skew(of action: PunchRound.Action) -> TimeAmount {
        switch (action, own?.ports) {
        // Who guesses has fired when it told us so: a way through the server ago, and our SYN takes its own way.
        case (.burst, .counted): .zero
        case (.burst, _): Self.salvo
        // Our word has to reach the other side first, which fires then.
        case (.guess, _): max(Self.salvo, attempt.wayByCircuit)
        }
    }

    private func fire(_ action: PunchRound.Action) {
        guard attempt.phase == .meeting, !attempt.hasDirectPath, let far else { return finish() }
        var entry = ConnectionReport.Attempt(route: .direct, remote: Endpoint(far.address, far.target), start: attempt.elapsed)
        entry.round = round
        switch action {
        case .burst(var count, let endpoint):
            // Another dial may have taken its part meanwhile.
            if case .drawn(_, _, true) = own?.ports { count = min(count, engine.blockPortsLeft) }
            engine.tookPorts(count)
            entry.detail = "predicted, from fresh ports"
            let first = nextLocal
            waiting = (0..<count).map { index in (first.map { $0 &+ UInt16(clamping: index) } ?? 0, endpoint) }[...]
        case .guess(let endpoints):
            entry.detail = "predicted, from the reserved port"
            waiting = endpoints.map { (engine.port?.number ?? 0, $0) }[...]
        }
        // Between pieces bytes flow. Strangers that count with us are let in as late as can be.
        let piece = if case .counted = own?.ports { waiting.count } else { Self.piece }
        attempt.report.attempts.append(entry)
        reportIndex = attempt.report.attempts.count - 1
        shoot(piece, since: engine.eventLoop.now)
    }

    /// When a round has come to nothing, counted from the last shot: the other side fires a word through the server later, at most, and takes as long for it
    /// as we did, or twice that with twice as many; then SYNs cross. In the last round the system may repeat each once, after a second (RFC 6298): that is how a
    /// NAT is crossed which lets no SYN meet another.
    private func patience(after firing: TimeAmount) -> TimeAmount {
        max(isLast ? .milliseconds(1300) : .milliseconds(500), engine.serverRoundTrip * 4) + Self.salvo + firing * 2
    }

    private func wait(_ time: TimeAmount, _ body: @escaping (Prediction) -> Void) {
        timer?.cancel()
        timer = OneShot(on: engine.eventLoop, in: time) { [weak self] in
            self?.timer = nil
            if let self { body(self) }
        }
    }

    private func shoot(_ count: Int, since start: NIODeadline) {
        guard !waiting.isEmpty else { return }
        for (local, endpoint) in waiting.prefix(count) { shoot(from: local, at: endpoint) }
        waiting = waiting.dropFirst(count)
        guard !waiting.isEmpty else { return wait(patience(after: engine.eventLoop.now - start)) { $0.missed() } }
        engine.eventLoop.assumeIsolated().execute { [weak self] in self?.shoot(count, since: start) }
    }

    private func shoot(from local: UInt16, at endpoint: Endpoint) {
        let engine = engine
        guard engine.halfOpenCount < Self.budget else { return }
        engine.halfOpenCount += 1
        if let reportIndex { attempt.report.attempts[reportIndex].shots += 1 }
        var own: ObjectIdentifier?
        let connecting = engine.connect(from: local, to: endpoint) { [weak self] channel in
            own = ObjectIdentifier(channel)
            self?.shots[ObjectIdentifier(channel)] = channel
        }
        connecting.assumeIsolated().whenComplete { [weak self] result in
            engine.halfOpenCount -= 1
            let isOurs = own.flatMap { self?.shots.removeValue(forKey: $0) } != nil
            guard case .success(let channel) = result else { return }
            guard let self, isOurs, self.attempt.phase == .meeting else { return channel.close(promise: nil) }
            self.connected(channel)
        }
    }

    private func connected(_ channel: any Channel) {
        guard let path = attempt.follow(predicted: channel, entry: reportIndex) else { return channel.close(promise: nil) }
        paths.append(path)
    }

    private func missed() {
        // One that is up may only need its handshake.
        guard !attempt.isConnecting else { return wait(Self.patience) { $0.missed() } }
        if let reportIndex { attempt.judge(reportIndex, .silent, "") }
        close()
        guard !isLast else { return finish() }
        far = nil
        prepare(round + 1)
    }

    /// Nothing more comes of it.
    private func finish() {
        end()
        attempt.concludeIfExhausted()
    }

    /// The attempt is over.
    func end() {
        (isActive, isPostponed) = (false, false)
        round = Self.roundLimit + 1
        close()
    }

    /// Closes whatever is half open.
    func close() {
        timer?.cancel()
        timer = nil
        answer?.cancel()
        hearing?.cancel()
        waiting = []
        let open = shots.values
        shots = [:]
        for channel in open { channel.close(promise: nil) }
    }
}

extension WireForecast {
    /// A forecast as it travels.
    init(_ forecast: PortForecast, round: Int) {
        self.init()
        self.round = UInt32(clamping: round)
        external = WireTransportAddress(Endpoint(forecast.address, forecast.port))
        switch forecast.ports {
        case .unknown: allocation = .unknown
        case .kept: allocation = .kept
        case .counted(let delta, let count, let index):
            allocation = .counted
            self.delta = Int32(clamping: delta)
            self.count = UInt32(clamping: count)
            self.index = UInt32(clamping: index)
        case .drawn(let range, let count, let isBlock):
            allocation = isBlock ? .block : .drawn
            lowest = UInt32(range.lowerBound)
            highest = UInt32(range.upperBound)
            self.count = UInt32(clamping: count)
        }
    }

    /// The forecast; nil where it is none, or asks for more than is ever done.
    var forecast: PortForecast? {
        guard let endpoint = external.endpoint(), endpoint.address.family == .v4 else { return nil }
        let ports: PortForecast.Ports
        switch allocation {
        case .kept: ports = .kept
        case .counted:
            guard (-1024...1024).contains(delta), delta != 0, (1...256).contains(count), index < count else { return nil }
            ports = .counted(delta: Int(delta), count: Int(count), index: Int(index))
        case .drawn, .block:
            guard let low = UInt16(exactly: lowest), let high = UInt16(exactly: highest), low >= 1024, low <= high, (1...2048).contains(count) else {
                return nil
            }
            ports = .drawn(low...high, count: min(Int(count), 1024), isBlock: allocation == .block)
        case .unknown, .UNRECOGNIZED: ports = .unknown
        }
        return PortForecast(address: endpoint.address, port: endpoint.port, ports: ports)
    }
}
