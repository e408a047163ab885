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
    private unowned let attempt: Attempt
    private var engine: PeerEngine { attempt.engine }
    private var round = 0
    private var own: PortForecast?
    private var far: PortForecast?
    /// The local port from which a burst goes on, where one that counts has been sampled.
    private var nextLocal: UInt16?
    private var isTold = false
    /// Whether the Meet has stayed silent, and for so long that the remote peer has nothing to try.
    private var followsSilence = false
    private var followsLongSilence = false
    /// Whether a round waits until the server sees our mapping, and our NAT's allocator has been looked at.
    private var isPostponed = false
    private var shots: [ObjectIdentifier: any Channel] = [:]
    /// Shots that are still to be fired: from which local port, to where.
    private var waiting: ArraySlice<(UInt16, Endpoint)> = []
    /// How many of them there is room for, and how many are fired in one turn.
    private var room = 0
    private var turnSize = 0
    private var isTurnScheduled = false
    private var firingStart = NIODeadline.distantPast
    /// How many shots of the round were not fired, because there was no room among the half-open connections, or no descriptor.
    private var unfired = 0
    private var withoutDescriptor = 0
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

    /// The Meet has stayed silent. Where only one address of the server has seen that our NAT keeps a port, it may give another one to a new address.
    /// - Parameter isLong: whether the remote peer has had time to begin, where it has anything to try.
    func meetStayedSilent(isLong: Bool) {
        guard attempt.isDirectWanted, engine.usesCircuits, round == 0, engine.isMappingDoubtful else { return }
        (followsSilence, followsLongSilence) = (true, isLong)
        guard engine.ports(for: forecastRound(1)) != .kept else { return }
        prepare(1)
    }

    /// Whether a path that has come up shows that a new remote address is given another port.
    var showsAddressDependence: Bool { own.map { $0.ports != .kept } == true && engine.isMappingDoubtful }

    /// A round for which our ports are foretold: from the sample to the burst it is the sample's answer, the word to the remote peer, and its word to us.
    private func forecastRound(_ number: Int) -> NATModel.Round {
        NATModel.Round(
            number: number, isTurnToSearch: followsLongSilence || (attempt.role == .dialler) == (number == 1), followsSilence: followsSilence,
            time: .nanoseconds(engine.serverRoundTrip.nanoseconds * 3) + .milliseconds(50))
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
        let ports = engine.ports(for: forecastRound(number))
        if ports == .kept {
            forecast(observed.port, .kept)
            isActive = isActive || far != nil
            return tellIfReady()
        }
        isActive = true
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
            // What was only tried because a Meet stayed silent does not say why it did.
            isHopeless = !followsSilence && !engine.isMappingDoubtful && (own.ports != .kept || far.ports != .kept)
            return finish()
        }
        isLast = part.isLast || round == Self.roundLimit
        wait(part.waits(inRound: round) ? skew(of: part.action) : .zero) { $0.fire(part.action) }
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
        turnSize = if case .counted = own?.ports { waiting.count } else { Self.piece }
        attempt.report.attempts.append(entry)
        reportIndex = attempt.report.attempts.count - 1
        (room, unfired, withoutDescriptor, firingStart) = (0, 0, 0, engine.eventLoop.now)
        engine.requestRoom(for: attempt, .search, count: waiting.count)
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

    /// There is room for so many more shots.
    func granted(_ count: Int) {
        let usable = min(count, waiting.count - room)
        room += max(0, usable)
        for _ in 0..<(count - max(0, usable)) { engine.releaseRoom(of: attempt.id, .search) }
        if !isTurnScheduled { shoot() }
    }

    /// There will be no room for so many of them.
    func denied(_ count: Int) {
        guard !waiting.isEmpty else { return }
        unfired += min(count, waiting.count)
        waiting = waiting.dropLast(count)
        if waiting.isEmpty { awaitAnswers() }
    }

    private func shoot() {
        let count = min(turnSize, room)
        guard count > 0, !waiting.isEmpty else { return }
        let turn = waiting.prefix(count)
        room -= turn.count
        waiting = waiting.dropFirst(turn.count)
        for (local, endpoint) in turn { shoot(from: local, at: endpoint) }
        guard !waiting.isEmpty else { return awaitAnswers() }
        guard room > 0 else { return }
        isTurnScheduled = true
        engine.eventLoop.assumeIsolated().execute { [weak self] in
            self?.isTurnScheduled = false
            self?.shoot()
        }
    }

    private func awaitAnswers() { wait(patience(after: engine.eventLoop.now - firingStart)) { $0.missed() } }

    private func shoot(from local: UInt16, at endpoint: Endpoint) {
        let (engine, id) = (engine, attempt.id)
        if let reportIndex { attempt.report.attempts[reportIndex].shots += 1 }
        var own: ObjectIdentifier?
        let connecting = engine.connect(from: local, to: endpoint) { [weak self] channel in
            own = ObjectIdentifier(channel)
            self?.shots[ObjectIdentifier(channel)] = channel
        }
        connecting.assumeIsolated().whenComplete { [weak self] result in
            engine.releaseRoom(of: id, .search, after: result.failure)
            let isOurs = own.flatMap { self?.shots.removeValue(forKey: $0) } != nil
            if result.failure?.isShortageOfDescriptors == true { self?.withoutDescriptor += 1 }
            guard case .success(let channel) = result else { return }
            guard let self, isOurs, self.attempt.phase == .meeting else { return channel.close(promise: nil) }
            self.connected(channel)
        }
    }

    /// What the report says of shots that were not fired.
    private var shortfall: String {
        guard let reportIndex, unfired + withoutDescriptor > 0 else { return "" }
        let detail = attempt.report.attempts[reportIndex].detail
        let reasons = [
            unfired > 0 ? "\(unfired) SYNs not fired: too many connections were half-open" : nil,
            withoutDescriptor > 0 ? "\(withoutDescriptor) SYNs not fired: no descriptor left, raise the limit of open files" : nil,
        ]
        return ([detail] + reasons.compactMap { $0 }).joined(separator: "; ")
    }

    private func connected(_ channel: any Channel) {
        guard let path = attempt.follow(predicted: channel, entry: reportIndex) else { return channel.close(promise: nil) }
        paths.append(path)
    }

    private func missed() {
        // One that is up may only need its handshake.
        guard !attempt.isConnecting else { return wait(Self.patience) { $0.missed() } }
        if let reportIndex { attempt.judge(reportIndex, .silent, shortfall) }
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
        engine.withdrawRequest(of: attempt.id, .search)
        // Nothing was opened for what there is room for.
        let unused = room
        room = 0
        for _ in 0..<unused { engine.releaseRoom(of: attempt.id, .search) }
        let open = shots.values
        shots = [:]
        for channel in open { channel.close(promise: nil) }
    }
}

extension Result {
    /// What it has failed with.
    var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
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
