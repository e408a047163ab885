import BodkinCore
import BodkinPrediction

/// What a round fires, and when it has come to nothing.
extension PredictedPunch {
    mutating func fireIfReady(_ context: DialContext, at now: Instant) {
        guard hasSentForecast, let own, let remote, wait == nil else { return }
        var random = SplitMix64(state: context.seed)
        guard let part = PunchRound(own: own, far: remote, using: &random) else {
            // What was only tried because a Meet stayed silent does not say why it did.
            isHopeless = !followsSilence && !context.localNAT().isMappingDoubtful && (own.ports != .fixed || remote.ports != .fixed)
            return close()
        }
        isLast = part.isLast || round == Self.roundLimit
        wait = (part.waits(inRound: round) ? now + skew(of: part.action, context) : now, .fire(part.action))
    }

    /// How long the side that fires second waits.
    private func skew(of action: PunchRound.Action, _ context: DialContext) -> Duration {
        switch (action, own?.ports) {
        // The guessing side has fired when it told us so: a way through the server ago, and our SYN takes its own way.
        case (.burst, .sequential): .zero
        case (.burst, _): Self.burstDuration
        // The local forecast has to reach the remote peer first, which fires then.
        case (.guess, _): max(Self.burstDuration, context.timeByCircuit)
        }
    }

    mutating func fire(_ action: PunchRound.Action, _ context: DialContext, _ report: inout ConnectionReport, at now: Instant) {
        guard context.allowsPrediction, !context.hasDirectPath, let remote else { return close() }
        var entry = ConnectionReport.Attempt(route: .direct, remote: Endpoint(remote.address, remote.target), start: now - context.start)
        entry.round = round
        switch action {
        case .burst(var count, let endpoint):
            // Another dial may have taken its part meanwhile.
            if case .random(_, _, true) = own?.ports { count = min(count, context.localNAT().blockPortsLeft) }
            perform(.takePorts(count))
            entry.detail = "predicted, from fresh ports"
            let first = nextLocal
            waiting = (0..<count).map { index in (.port(first.map { $0 &+ UInt16(clamping: index) } ?? 0), endpoint) }[...]
        case .guess(let endpoints):
            entry.detail = "predicted, from the reserved port"
            waiting = endpoints.map { (.reservedPort, $0) }[...]
        }
        // Between batches bytes flow. Other hosts that take ports of a sequential allocator are let in as late as can be.
        turnSize = if case .sequential = own?.ports { waiting.count } else { Self.batchSize }
        open(entry, in: &report)
        (room, unfired, withoutDescriptor, withheld, firingStart) = (0, 0, 0, (0, ""), now)
        perform(.requestRoom(waiting.count))
    }

    mutating func granted(_ count: Int, _ report: inout ConnectionReport, at now: Instant, _ context: DialContext) {
        let usable = max(0, min(count, waiting.count - room))
        room += usable
        if count > usable { perform(.returnRoom(count - usable)) }
        if !isAwaitingTurn { fireBatch(&report, context, at: now) }
    }

    mutating func fireBatch(_ report: inout ConnectionReport, _ context: DialContext, at now: Instant) {
        let count = min(turnSize, room)
        guard count > 0, !waiting.isEmpty else { return }
        let batch = waiting.prefix(count)
        room -= batch.count
        waiting = waiting.dropFirst(batch.count)
        if let entry { report.attempts[entry].shots += batch.count }
        for (source, endpoint) in batch {
            shotCount += 1
            perform(.connect(ShotID(target: round, turn: shotCount), endpoint, from: source))
        }
        guard !waiting.isEmpty else { return awaitAnswers(context, at: now) }
        guard room > 0 else { return }
        isAwaitingTurn = true
        perform(.awaitTurn)
    }

    /// How long after its last SYN a round has failed. The remote peer fires at most one message through the server later. It takes as long as the
    /// local one, or twice that with twice as many SYNs; then they cross. In the last round the system may repeat each SYN once, after a second (RFC 6298):
    /// that is how a NAT is crossed that lets no SYN meet another.
    mutating func awaitAnswers(_ context: DialContext, at now: Instant) {
        let time = max(isLast ? .milliseconds(1300) : .milliseconds(500), context.serverRoundTrip * 4)
        wait = (now + time + Self.burstDuration + (now - firingStart) * 2, .judge)
    }

    mutating func judge(
        _ context: DialContext, _ report: inout ConnectionReport, at now: Instant
    ) {
        // One that is up may only need its handshake.
        guard !context.isConnecting else { return wait = (now + Self.recheckInterval, .judge) }
        if let entry, report.attempts[entry].verdict != .succeeded {
            report.attempts[entry].verdict = .silent
            report.attempts[entry].detail = detail(of: report.attempts[entry].detail)
            report.attempts[entry].duration = now - context.start - report.attempts[entry].start
            perform(.judged(entry: entry))
        }
        closeRound()
        guard !isLast else { return close() }
        let former = remote
        remote = nil
        prepare(round + 1, against: former, context, at: now)
    }

    /// What the report says of SYNs that were not fired.
    private func detail(of round: String) -> String {
        let reasons = [
            unfired > 0 ? "\(unfired) SYNs not sent, because too many connections were half-open" : nil,
            withheld.count > 0 ? "\(withheld.count) SYNs not sent, because of \(withheld.reason)" : nil,
            withoutDescriptor > 0 ? "\(withoutDescriptor) SYNs not sent, because no file descriptor was free" : nil,
        ]
        return ([round] + reasons.compactMap { $0 }).joined(separator: "; ")
    }
}
