import BodkinCore
import BodkinProtocols

extension Dial {
    /// A Meet as the server has sent it.
    struct Meet {
        var instance: InstanceID
        var observed: [Endpoint]
        var isDirect: Bool
        var wait: Duration
        var interval: Duration
        var card: Result<Card, Card.Refusal>
    }

    /// What is known while both sides meet.
    struct Meeting {
        /// Whether both sides look for direct paths.
        var isDirect: Bool
        /// What the server sees of the remote peer.
        var observed: [Endpoint]
        /// Its latest card, and how many have been looked at.
        var card: Card?
        var cardCount = 0
        /// Its endpoints that may be connected to.
        var targets: [Endpoint] = []
        /// The endpoint that all of its connections have, where the card says so and the server has seen it.
        var keptEndpoint: Endpoint?
        /// Whether the Meet's card named any candidate.
        var hasCandidates = false
        /// Whether the strategies had nothing more to try before.
        var hasConcluded = false
        /// Whether a link to the server that the circuit ran on is gone.
        var isLinkLost = false
    }

    mutating func met(_ meet: Meet, _ context: Context, at now: Instant) {
        guard meeting == nil else { return }
        // Another instance does not know the session.
        if isResumption, meet.instance != remoteInstance { return fail(.unavailable, "The remote peer has restarted. Dial it again.") }
        let isDirect = meet.isDirect && context.hasPort
        phase = .meeting(Meeting(isDirect: isDirect, observed: Array(meet.observed.prefix(8))))
        remoteInstance = meet.instance
        // The fresh port, for which it was held, is in the card that the Meet carries.
        if context.isPortMapped { tell(.portAnnounced) }
        perform(.expectCircuit(from: now - context.serverRoundTrip))
        guard isDirect else { return perform(.abandonDirectPaths) }
        tell(.met(start: now + meet.wait, interval: meet.interval))
        received(meet.card, context, at: now)
        // The server answers in order: what it had not taken when it sent the Meet is not in the card that the remote peer has.
        if !context.isCardAcknowledged { perform(.announceCard) }
        // Otherwise there is nobody to fire at, and nobody to be expected.
        guard meeting?.card?.candidates.isEmpty == false else { return perform(.abandonDirectPaths) }
        update { $0.hasCandidates = true }
        tell(.natLearned)
    }

    mutating func observed(_ endpoints: [Endpoint], _ context: Context, at now: Instant) {
        update { $0.observed = Array(endpoints.prefix(8)) }
        considerAgain(context, at: now)
    }

    /// What was forbidden may be allowed now.
    mutating func considerAgain(_ context: Context, at now: Instant) {
        if let card = meeting?.card { received(.success(card), context, at: now) }
    }

    /// The remote peer's candidates, the first or later ones.
    mutating func received(_ result: Result<Card, Card.Refusal>, _ context: Context, at now: Instant) {
        guard let meeting, meeting.isDirect, meeting.cardCount < Self.cardLimit else { return }
        update { $0.cardCount += 1 }
        switch result {
        case .success(let card):
            guard card.instance == remoteInstance else { return }
            let seen = card.candidates.filter { $0.kind == .serverReflexive }.map(\.endpoint)
            let kept = card.keepsEndpoint ? seen.first { $0.address.family == .v4 && meeting.observed.contains($0) } : nil
            update { ($0.card, $0.keptEndpoint) = (card, kept) }
            for candidate in card.candidates { consider(candidate, signed: seen, context, at: now) }
        case .failure(let refusal):
            note(ConnectionReport.Attempt(route: .direct, start: now - start), .forbidden, "the peer's card is \(refusal.rawValue)")
        }
    }

    /// Tells the strategies of a candidate that may be connected to. `signed` is where the remote peer says that it is seen.
    private mutating func consider(_ candidate: Candidate, signed: [Endpoint], _ context: Context, at now: Instant) {
        guard let meeting, let network = context.network(), !meeting.targets.contains(candidate.endpoint) else { return }
        var entry = ConnectionReport.Attempt(route: .direct, remote: candidate.endpoint, candidate: candidate.kind, start: now - start)
        var forbidden = report.attempts.firstIndex { $0.remote == entry.remote && $0.verdict == .forbidden }
        let filter = CandidateFilter(
            observed: meeting.observed, ownObserved: network.ownObserved, ownAddresses: network.ownAddresses, ownPort: network.ownPort,
            onLink: network.onLink, gateways: network.gateways, allowsPrivate: configuration.allowsPrivateAddresses, signed: signed,
            isAuthenticated: context.isRemoteAuthenticated || isCircuitAuthenticated)
        if let refusal = filter.refusal(of: candidate) {
            // Said once, also when it is considered again.
            return forbidden == nil ? note(entry, .forbidden, refusal.rawValue) : ()
        }
        let family = candidate.endpoint.address.family
        guard network.families.contains(family) else { return note(entry, .failed, "no \(family == .v4 ? "IPv4" : "IPv6") here") }
        for interface in network.interfaces(candidate.endpoint.address) where (self.meeting?.targets.count ?? 0) < Self.targetLimit {
            update { $0.targets.append(candidate.endpoint) }
            entry.detail = interface.map { "by \($0)" } ?? ""
            let index = forbidden ?? report.attempts.count
            if forbidden == nil { report.attempts.append(entry) } else { report.attempts[index] = entry }
            forbidden = nil
            tell(.target(candidate.endpoint, interface: interface, entry: index))
        }
    }

    private mutating func note(_ entry: ConnectionReport.Attempt, _ verdict: ConnectionReport.Attempt.Verdict, _ detail: String) {
        var entry = entry
        entry.verdict = verdict
        entry.detail = detail
        entry.duration = .zero
        report.attempts.append(entry)
        perform(.emit(.attempt(peer, entry)))
    }

    /// What became of an entry of the report, so far.
    mutating func judge(_ entry: Int, _ verdict: ConnectionReport.Attempt.Verdict, _ detail: String = "", at now: Instant) {
        guard report.allows(verdict, for: entry) else { return }
        report.judge(entry, verdict, detail, since: start, at: now)
        perform(.emit(.attempt(peer, report.attempts[entry])))
    }
}
