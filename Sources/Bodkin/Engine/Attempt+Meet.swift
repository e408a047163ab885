import BodkinCore
import BodkinProtocols
import BodkinSystem
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

/// Meeting: from the reserved port to every allowed candidate of the other, at the agreed instants, while it does the same.
extension Attempt {
    /// The most targets of one attempt: the candidates of a card by two ways out.
    private static let targetLimit = 16
    /// At which instant a dialler that was refused before, and has no answer since, tries another port.
    private static let escapeInstant = 5
    /// At which instant a Meet without any answer is evidence that our NAT gives another port to a new address: two lost packets do not last so long.
    private static let silentInstant = 5
    /// And at which the called end begins, where the dialing one has not.
    private static let longSilentInstant = 7
    /// For so many instants a connection whose handshake has begun may be in the way of shots.
    private static let patientInstants = 4
    /// The most cards of one attempt: the Meet's, and those of fresh reserved ports. What they name is in the report, so it ends somewhere.
    private static let cardLimit = 8

    /// The server says: meet now.
    func meet(_ meet: WireMeet) {
        guard phase != .over, schedule == nil, let instance = InstanceID(bytes: meet.instance) else { return }
        // Whoever else answers for the peer does not know the session.
        if isResumption, instance != remoteInstance { return fail(.unavailable, "the peer has started afresh") }
        phase = .meeting
        isPending = false
        // The fresh port, for which it was held, is in the card that the Meet carries.
        if engine.isMapped(for: id) { tellHold(.announced) }
        circuitPath?.expectHandshake(from: engine.eventLoop.now - engine.serverRoundTrip)
        remoteInstance = instance
        observed = meet.observed.prefix(8).compactMap { $0.endpoint() }
        isDirectWanted = meet.direct && engine.port != nil
        guard isDirectWanted else { return conclude() }
        // Neither a wild server nor a wild clock makes us wait for long, or fire without end.
        let wait = Duration.microseconds(Int64(min(meet.startInUs, 2_000_000)))
        let interval = Duration.microseconds(Int64(min(max(meet.intervalUs, 50_000), 5_000_000)))
        schedule = MeetSchedule(targetCount: 0, start: elapsed + wait, interval: interval)
        tellHold(.meet(start: engine.now + wait, interval: interval))
        received(meet.card)
        // The server answers in order: what it had not taken when it sent the Meet is not in the card that the other side has.
        if engine.registeredSequence < engine.sequence { announce(engine.currentCard()) }
        // Nobody to fire at, and nobody to be expected.
        if !hasCandidates { return conclude() }
        arm()
        predict()
    }

    /// What the server sees of the other side has changed: what was forbidden may be allowed now.
    func received(_ wire: WireObserved) {
        observed = wire.observed.prefix(8).compactMap { $0.endpoint() }
        if let card { received(card) }
    }

    /// The other side's candidates, the first or later ones.
    func received(_ wire: WireSignedCard) {
        guard schedule != nil, cardCount < Self.cardLimit else { return }
        cardCount += 1
        do {
            let card = try Card(wire, of: peer, server: engine.serverHash, now: engine.serverTime)
            guard card.instance == remoteInstance else { return }
            self.card = wire
            hasCandidates = !card.candidates.isEmpty
            let seen = card.candidates.lazy.filter { $0.kind == .serverReflexive }.map(\.endpoint)
            keptEndpoint = card.keepsEndpoint ? seen.first { $0.address.family == .v4 && self.observed.contains($0) } : nil
            let known = targets.count
            for candidate in card.candidates { consider(candidate, of: Array(seen)) }
            // Later than the first instant: the hole is opened at once, and the next instant is common again.
            if hasFired { for index in known..<targets.count { shoot(index) } }
        } catch {
            note(ConnectionReport.Attempt(route: .direct, start: elapsed), .forbidden, "the peer's card is \(error.rawValue)")
        }
    }

    /// Our own candidates have changed: the other side hears of them.
    func announce(_ card: WireSignedCard?) {
        guard phase == .dialled || phase == .meeting, let card else { return }
        var signal = WireSignal()
        signal.attempt = .init(id.bytes)
        signal.card = card
        engine.link?.send(.signal(signal))
        if engine.isMapped(for: id) { tellHold(.announced) }
    }

    /// Our port is another one now. Our NAT may have forgotten, at an RST, the former one's mapping as a whole, and would forget the fresh one's in the same way:
    /// so the remote peer fires first, as soon as it is told.
    func portReplaced(within limit: Duration) {
        guard phase == .dialled && !isPending || phase == .meeting else { return }
        tellHold(.replaced(limit: limit))
    }

    private func tellHold(_ input: FiringHold.Input) {
        firingHold.handle(input, at: engine.now)
        release?.cancel()
        release = firingHold.deadline.map { deadline in
            OneShot(on: engine.eventLoop, at: engine.start + TimeAmount(deadline.sinceStart)) { [weak self] in self?.tellHold(.timeout) }
        }
        guard firingHold.nextAction() == .fire, phase == .meeting, hasFired else { return }
        for index in targets.indices where targets[index].path == nil { shoot(index) }
    }

    /// `signed` is where the remote peer says that it is seen.
    private func consider(_ candidate: Candidate, of signed: [Endpoint]) {
        guard let port = engine.port(for: id), !targets.contains(where: { $0.endpoint == candidate.endpoint }) else { return }
        var entry = ConnectionReport.Attempt(route: .direct, remote: candidate.endpoint, candidate: candidate.kind, start: elapsed)
        var forbidden = report.attempts.firstIndex { $0.remote == entry.remote && $0.verdict == .forbidden }
        let attachments = engine.attachments
        let filter = CandidateFilter(
            observed: observed, ownObserved: engine.warms.compactMap(\.observed),
            ownAddresses: attachments.interfaces.flatMap(\.addresses).map(\.address), ownPort: port.number, onLink: attachments.onLink,
            gateways: attachments.gateways,
            allowsPrivate: engine.configuration.allowsPrivateAddresses, signed: signed, isAuthenticated: session != nil || hasAuthenticatedCircuit)
        if let refusal = filter.refusal(of: candidate) {
            // Said once, also when it is considered again.
            return forbidden == nil ? note(entry, .forbidden, refusal.rawValue) : ()
        }
        guard port.families.contains(candidate.endpoint.address.family), !attachments.addresses(candidate.endpoint.address.family).isEmpty else {
            return note(entry, .failed, "no \(candidate.endpoint.address.family == .v4 ? "IPv4" : "IPv6") here")
        }
        for interface in attachments.interfaces(towards: candidate.endpoint.address) where targets.count < Self.targetLimit {
            entry.detail = interface.map { "by \($0)" } ?? ""
            let index = forbidden ?? report.attempts.count
            if forbidden == nil { report.attempts.append(entry) } else { report.attempts[index] = entry }
            forbidden = nil
            targets.append(Target(endpoint: candidate.endpoint, interface: interface, reportIndex: index))
            _ = schedule?.addTarget()
        }
    }

    private func note(_ entry: ConnectionReport.Attempt, _ verdict: ConnectionReport.Attempt.Verdict, _ detail: String) {
        var entry = entry
        entry.verdict = verdict
        entry.detail = detail
        entry.duration = .zero
        report.attempts.append(entry)
        engine.tell(.attempt(peer, entry), since: start)
    }

    // MARK: Firing

    /// Fires again, at once, at whoever has refused. Besides holding our NAT open this keeps a SYN of ours under way: a crossing one that found only the listener
    /// would be answered with another sequence number than our NAT has seen, which Linux' conntrack calls invalid.
    func fireVolleys() {
        guard phase == .meeting, !firingHold.isHolding, firingHold.allowsVolleys else { return }
        for index in targets.indices where targets[index].isRefused && isGranted(index) && schedule?.refused(index) != nil { connect(index) }
    }

    /// A stranger is granted one SYN for each instant, whenever they are fired; who has proved itself over a circuit, the volleys besides.
    private func isGranted(_ index: Int) -> Bool { session != nil || targets[index].shots < MeetSchedule.instants.count }

    func arm() {
        instant?.cancel()
        guard phase == .meeting, let schedule else { return }
        let next = schedule.nextInstant
        let delay = (next ?? schedule.deadline) - elapsed
        let action = { [weak self] in next == nil ? self?.conclude() ?? () : self?.fire() ?? () }
        if next != nil, delay <= .zero { return action() }
        instant = OneShot(on: engine.eventLoop, in: TimeAmount(delay), action)
    }

    private func fire() {
        hasFired = true
        instantCount += 1
        // Who has refused is there, and by now the two sides' SYNs have crossed: if all is silence since, a NAT on the way takes ours for something else.
        if instantCount == Self.escapeInstant, role == .dialler, targets.contains(where: { $0.wasRefused && !$0.isRefused && $0.path == nil }) {
            engine.tellPorts(.otherPortNeeded(id))
        }
        let isSilent = !isConnecting && !targets.contains { $0.wasRefused || $0.isHeard }
        if instantCount >= Self.silentInstant, isSilent { prediction?.meetStayedSilent(isLong: instantCount >= Self.longSilentInstant) }
        for case .fire(let index) in schedule?.fire(at: elapsed) ?? [] { shoot(index) }
        arm()
    }

    private func shoot(_ index: Int) {
        guard !firingHold.isHolding, isGranted(index) else { return }
        guard let previous = targets[index].connecting, let schedule else { return connect(index) }
        // Out of turn just now: its answer may be on its way. Most paths between two peers take less time than the one through the server, twice which is the
        // interval.
        guard elapsed - targets[index].shotAt >= schedule.interval / 2 else { return }
        let turn = targets[index].turn
        ReservedPort.inspect(previous) { [weak self] state in
            guard let self, self.phase == .meeting, self.targets[index].turn == turn, state != .established else { return }
            // The SYNs have crossed, and the answer to ours may be on its way. Where it is not by the next instant, it was lost.
            if state == .synReceived, !self.targets[index].isHeard { return self.targets[index].isHeard = true }
            _ = self.abandon(index)
            if state == .synReceived { ReservedPort.discard(previous) } else { previous.close(promise: nil) }
            self.connect(index)
        }
    }

    /// What becomes of the latest shot counts no more.
    func abandon(_ index: Int) -> (any Channel)? {
        defer { targets[index].connecting = nil }
        targets[index].turn += 1
        return targets[index].connecting
    }

    /// Fires at once, or as soon as there is room among the half-open connections.
    private func connect(_ index: Int) {
        guard engine.port(for: id) != nil, !targets[index].isWaiting else { return }
        targets[index].isWaiting = true
        engine.requestRoom(for: self, .meet)
    }

    /// There is room for a shot that waits.
    func fireWaiting() {
        guard phase == .meeting, let port = engine.port(for: id), let index = targets.firstIndex(where: \.isWaiting) else {
            return engine.releaseRoom(of: id, .meet)
        }
        targets[index].isWaiting = false
        guard targets[index].path == nil else { return engine.releaseRoom(of: id, .meet) }
        fire(at: index, from: port)
    }

    private func fire(at index: Int, from port: ReservedPort) {
        targets[index].isHeard = false
        targets[index].isRefused = false
        targets[index].shotAt = elapsed
        targets[index].shots += 1
        let (shot, turn) = (targets[index].shots, targets[index].turn)
        let entry = targets[index].reportIndex
        if shot == 1 {
            report.attempts[entry].start = elapsed
            engine.tookPorts(1)
        }
        report.attempts[entry].shots = shot
        let connecting = port.connect(to: targets[index].endpoint, interface: targets[index].interface) { [weak self] channel in
            guard let self, self.targets[index].turn == turn, self.phase == .meeting else { return }
            self.targets[index].connecting = channel
        }
        let (engine, id) = (engine, id)
        connecting.assumeIsolated().whenComplete { [weak self] result in
            engine.releaseRoom(of: id, .meet, after: result.failure)
            guard let self, self.targets[index].turn == turn, self.phase == .meeting else {
                if case .success(let channel) = result { channel.close(promise: nil) }
                return
            }
            self.targets[index].connecting = nil
            switch result {
            case .success(let channel): self.connected(index, channel)
            case .failure(let error): self.missed(index, error)
            }
        }
    }

    private func connected(_ index: Int, _ channel: any Channel) {
        do {
            let path = try path(on: channel)
            schedule?.connected(index)
            targets[index].path = path
            follow(path, target: index)
            channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
            expectWord(on: path, index)
        } catch {
            channel.close(promise: nil)
            missed(index, error)
        }
    }

    /// The far side's first bytes come a round trip after the connection, or after the system has sent ours again. Where they do not, the connection is
    /// half-dead, known here alone, and in the way of every further shot.
    private func expectWord(on path: Path, _ index: Int) {
        // Who has waited too short a time waits twice as long the next time: it may be the far side's machine that is slow.
        guard let patience = schedule.map({ $0.interval * (2 << min(targets[index].unheard, 4)) }) else { return }
        engine.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(patience)) { [weak self, weak path] in
            guard let self, let path, self.phase == .meeting, !path.hasHeard, self.targets[index].path === path else { return }
            self.targets[index].unheard += 1
            ReservedPort.discard(path.channel)
            self.judge(self.targets[index].reportIndex, .silent, "established, but nothing came")
        }
    }

    private func missed(_ index: Int, _ error: any Error) {
        let code = (error as? IOError)?.errnoCode ?? ((error as? NIOConnectionError)?.connectionErrors.first?.error as? IOError)?.errnoCode
        if code != EADDRNOTAVAIL { targets[index].occupied = 0 }
        schedule?.failed(index)
        switch code {
        case ECONNREFUSED:
            judge(targets[index].reportIndex, .refused, "RST")
            // Our NAT may have forgotten, at the RST, the mapping that the server knows.
            engine.verifyMappings()
            targets[index].isRefused = true
            targets[index].wasRefused = true
            fireVolleys()
        case EHOSTUNREACH, ENETUNREACH, ENOPROTOOPT, EACCES:
            judge(targets[index].reportIndex, .refused, "ICMP, or no route")
            // What could be reached before cannot have lost its route: our own NAT holds something of this connection against us.
            if targets[index].shots == 1 { targets[index].isUnreachable = true }
            if !targets[index].isUnreachable { engine.tellPorts(.otherPortNeeded(id)) }
        case ETIMEDOUT:
            judge(targets[index].reportIndex, .silent, "")
        // The far side's SYN came first, and the listener has its connection. If that has said nothing until the next instant, it is half-dead, and in
        // the way of every further shot. One that was never completed is not even ours to discard: our NAT does not let the listener's SYN-ACK out, because it
        // has seen another SYN of ours before.
        case EADDRNOTAVAIL:
            targets[index].occupied += 1
            let isPressing = targets[index].occupied > Self.patientInstants
            if targets[index].occupied > 1, !engine.discardStrangers(at: targets[index].endpoint, isPressing: isPressing) {
                engine.tellPorts(.otherPortNeeded(id))
            }
        case EMFILE, ENFILE: judge(targets[index].reportIndex, .failed, "no descriptor left: raise the limit of open files")
        default:
            judge(targets[index].reportIndex, .failed, error.inPlainWords)
        }
    }

    /// What became of an entry of the report, so far: a later shot may change it.
    func judge(_ index: Int, _ verdict: ConnectionReport.Attempt.Verdict, _ detail: String) {
        guard report.attempts.indices.contains(index), report.attempts[index].verdict != .succeeded || verdict == .failed else { return }
        report.attempts[index].verdict = verdict
        if !detail.isEmpty { report.attempts[index].detail = detail }
        report.attempts[index].duration = elapsed - report.attempts[index].start
        engine.tell(.attempt(peer, report.attempts[index]), since: start)
    }
}
