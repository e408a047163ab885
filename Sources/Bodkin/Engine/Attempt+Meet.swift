import BodkinCore
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import FoundationEssentials
import NIOCore

/// Meeting: from the reserved port to every allowed candidate of the other, at the agreed instants, while it does the same.
extension Attempt {
    /// The most cards of one attempt: the Meet's, and those of fresh reserved ports. What they name is in the report, so it ends somewhere.
    private static let cardLimit = 8

    /// The server says: meet now.
    func meet(_ meet: WireMeet) {
        guard phase != .over, !hasMet, let instance = InstanceID(bytes: meet.instance) else { return }
        // Whoever else answers for the peer does not know the session.
        if isResumption, instance != remoteInstance { return fail(.unavailable, "The remote peer has restarted. Dial it again.") }
        phase = .meeting
        hasMet = true
        isPending = false
        // The fresh port, for which it was held, is in the card that the Meet carries.
        if engine.isMapped(for: id) { tell(.portAnnounced) }
        circuitPath?.expectHandshake(from: engine.eventLoop.now - engine.serverRoundTrip)
        remoteInstance = instance
        observed = meet.observed.prefix(8).compactMap { $0.endpoint() }
        isDirectWanted = meet.direct && engine.port != nil
        guard isDirectWanted else { return conclude() }
        // Neither a wild server nor a wild clock makes us wait for long, or fire without end.
        let wait = Duration.microseconds(Int64(min(meet.startInUs, 2_000_000)))
        let interval = Duration.microseconds(Int64(min(max(meet.intervalUs, 50_000), 5_000_000)))
        tell(.met(start: engine.now + wait, interval: interval))
        received(meet.card)
        // The server answers in order: what it had not taken when it sent the Meet is not in the card that the other side has.
        if engine.registeredSequence < engine.sequence { announce(engine.currentCard()) }
        // Nobody to fire at, and nobody to be expected.
        if !hasCandidates { return conclude() }
        hasMetCandidates = true
        tell(.natLearned)
    }

    /// What the server sees of the other side has changed: what was forbidden may be allowed now.
    func received(_ wire: WireObserved) {
        observed = wire.observed.prefix(8).compactMap { $0.endpoint() }
        if let card { received(card) }
    }

    /// The other side's candidates, the first or later ones.
    func received(_ wire: WireSignedCard) {
        guard hasMet, isDirectWanted, cardCount < Self.cardLimit else { return }
        cardCount += 1
        do {
            let card = try Card(wire, of: peer, server: engine.serverHash, now: engine.serverTime)
            guard card.instance == remoteInstance else { return }
            self.card = wire
            hasCandidates = !card.candidates.isEmpty
            let seen = card.candidates.lazy.filter { $0.kind == .serverReflexive }.map(\.endpoint)
            keptEndpoint = card.keepsEndpoint ? seen.first { $0.address.family == .v4 && self.observed.contains($0) } : nil
            for candidate in card.candidates { consider(candidate, of: Array(seen)) }
        } catch {
            note(ConnectionReport.Attempt(route: .direct, start: elapsed), .forbidden, "the peer's card is \(error.rawValue)")
        }
    }

    /// Our own candidates have changed: the other side hears of them.
    func announce(_ card: WireSignedCard?) {
        guard phase == .dialed || phase == .meeting, let card else { return }
        var signal = WireSignal()
        signal.attempt = .init(id.bytes)
        signal.card = card
        engine.link?.send(.signal(signal))
        if engine.isMapped(for: id) { tell(.portAnnounced) }
    }

    /// Our port is another one now. Our NAT may have forgotten, at an RST, the former one's mapping as a whole, and would forget the fresh one's in the same way:
    /// so the remote peer fires first, as soon as it is told.
    func portReplaced(within limit: Duration) {
        guard phase == .dialed && !isPending || phase == .meeting else { return }
        tell(.portReplaced(limit: limit))
    }

    /// `signed` is where the remote peer says that it is seen.
    private func consider(_ candidate: Candidate, of signed: [Endpoint]) {
        guard let port = engine.port(for: id), !targets.contains(candidate.endpoint) else { return }
        var entry = ConnectionReport.Attempt(route: .direct, remote: candidate.endpoint, candidate: candidate.kind, start: elapsed)
        var forbidden = report.attempts.firstIndex { $0.remote == entry.remote && $0.verdict == .forbidden }
        let attachments = engine.attachments
        let filter = CandidateFilter(
            observed: observed, ownObserved: engine.bindings.compactMap(\.observed),
            ownAddresses: attachments.interfaces.flatMap(\.addresses).map(\.address), ownPort: port.number, onLink: attachments.onLink,
            gateways: attachments.gateways,
            allowsPrivate: engine.configuration.allowsPrivateAddresses, signed: signed, isAuthenticated: isRemoteAuthenticated)
        if let refusal = filter.refusal(of: candidate) {
            // Said once, also when it is considered again.
            return forbidden == nil ? note(entry, .forbidden, refusal.rawValue) : ()
        }
        guard port.families.contains(candidate.endpoint.address.family), !attachments.addresses(candidate.endpoint.address.family).isEmpty else {
            return note(entry, .failed, "no \(candidate.endpoint.address.family == .v4 ? "IPv4" : "IPv6") here")
        }
        for interface in attachments.interfaces(towards: candidate.endpoint.address) where targets.count < SimultaneousOpen.targetLimit {
            targets.append(candidate.endpoint)
            entry.detail = interface.map { "by \($0)" } ?? ""
            let index = forbidden ?? report.attempts.count
            if forbidden == nil { report.attempts.append(entry) } else { report.attempts[index] = entry }
            forbidden = nil
            tell(.target(candidate.endpoint, interface: interface, entry: index))
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

    /// What became of an entry of the report, so far: a later shot may change it.
    func judge(_ index: Int, _ verdict: ConnectionReport.Attempt.Verdict, _ detail: String) {
        guard report.attempts.indices.contains(index), report.attempts[index].verdict != .succeeded || verdict == .failed else { return }
        report.attempts[index].verdict = verdict
        if !detail.isEmpty { report.attempts[index].detail = detail }
        report.attempts[index].duration = elapsed - report.attempts[index].start
        engine.tell(.attempt(peer, report.attempts[index]), since: start)
    }
}
