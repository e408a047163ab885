import BodkinCore
import BodkinProtocols
import BodkinTransport

/// Both sides connect from their ports to every allowed candidate of the other, at the agreed instants (RFC 9293 section 3.5): direct, reverse and simultaneous
/// open are one act with different outcomes.
///
/// For each target:
/// ```
///           instant                       SYN-ACK, or a crossing SYN
///   idle ───────────▶ wanted ──room──▶ fired ──────────────────────▶ up ── a byte ──▶ (the path's own)
///    ▲                                  │ │                            │
///    ├── RST: a burst, or the next instant  │                          └── nothing comes: idle
///    └── the next instant: inspected, fired afresh
/// ```
struct SimultaneousOpen: PathStrategy {
    /// The most targets: the candidates of a card by two ways out.
    static let targetLimit = 16
    /// At which instant a dialer that was refused before, and has no answer since, tries another port.
    static let replacingInstant = 5
    /// At which instant silence is evidence that a NAT gives another port to a new address, for the dialer and for the called side.
    static let silentInstants = (dialer: 5, called: 7)
    /// For so many instants a connection whose handshake has begun may be in the way of SYNs.
    static let patientInstants = 4

    /// One remote endpoint, by one interface.
    struct Target {
        enum Phase: Equatable { case idle, wanted, fired, up }
        let endpoint: Endpoint
        let interface: String?
        let entry: Int
        var phase = Phase.idle
        var shots = 0
        var turn = 0
        var firedAt = Instant.start
        /// Whether the remote SYN has come to the latest one: one more interval for the rest of the handshake.
        var hasReceivedSYN = false
        /// Whether the latest SYN was answered by an RST, and whether any was.
        var isRefused = false
        var wasRefused = false
        /// Whether the first SYN already found no way there.
        var isUnreachable = false
        /// Whether the gate has let the latest SYN not out, because a budget is spent: that of a peer that has proved its key is another one.
        var isWithheld = false
        /// How often in a row the system has said that there is such a connection.
        var occupied = 0
        /// How many connections were given up because nothing had come on them.
        var unheard = 0
        /// Until when the first byte has to come.
        var firstByteDeadline: Instant?
        /// Whether the connection that is up is closed, because the session has another direct path.
        var isSuperseded = false
    }

    private(set) var targets: [Target] = []
    private(set) var schedule: MeetSchedule?
    private var interval = Duration.zero
    private var hold = FiringHold()
    private var instantCount = 0
    private var actions: [PathStrategyAction] = []
    private(set) var isExhausted = false

    /// Whether the first instant has passed.
    var hasFired: Bool { instantCount > 0 }
    /// Whether a connection is up, and has not come to nothing yet.
    var isUp: Bool { targets.contains { $0.phase == .up } }
    /// Whether a further target may be added.
    private var hasRoom: Bool { targets.count < Self.targetLimit }
    var kind: PathKind { .tcp }
    var roomUse: HalfOpenBudget.Use? { .meet }
    var verdict: RelayVerdict? { nil }

    mutating func nextAction() -> PathStrategyAction? { actions.isEmpty ? nil : actions.removeFirst() }

    var deadline: Instant? {
        guard !isExhausted else { return nil }
        let instant = schedule.map { Instant(sinceStart: $0.nextInstant ?? $0.deadline) }
        return ([instant, hold.deadline] + targets.map(\.firstByteDeadline)).compactMap { $0 }.min()
    }

    mutating func handle(_ event: PathStrategyEvent, in context: DialContext, report: inout ConnectionReport, at now: Instant) {
        guard !isExhausted else { return settleLate(event, in: context, report: &report, at: now) }
        switch event {
        case .met(let start, let interval):
            self.interval = interval
            schedule = MeetSchedule(targetCount: 0, start: start.sinceStart, interval: interval)
            hold.handle(.meet(start: start, interval: interval), at: now)
        case .target(let endpoint, let interface, let entry):
            guard hasRoom else { return }
            targets.append(Target(endpoint: endpoint, interface: interface, entry: entry))
            _ = schedule?.addTarget()
            // Later than the first instant: the hole is opened at once, and the next instant is common again.
            if hasFired { fire(targets.count - 1, in: context, at: now) }
        case .granted(let count): for _ in 0..<count { fireWanted(in: context, report: &report, at: now) }
        case .connected(let shot): connected(shot, at: now)
        case .failed(let shot, let failure): failed(shot, failure, in: context, report: &report, at: now)
        case .inspected(let shot, let state): inspected(shot, state)
        case .unheard(let shot): unheard(shot, in: context, report: &report, at: now)
        case .secured(let shot), .settled(let shot): judge(shot, .succeeded, "", in: context, report: &report, at: now)
        case .superseded(let shot): supersede(shot, in: context, report: &report, at: now)
        case .lost(let shot, let loss): lost(shot, loss, in: context, report: &report, at: now)
        case .directPathLost: for index in targets.indices where targets[index].isSuperseded { lost(shot(index)) }
        case .remoteAuthenticated:
            fireVolleys(in: context)
            for index in targets.indices where hasFired && targets[index].isWithheld { fire(index, in: context, at: now) }
        case .portReplaced(let limit): hold.handle(.replaced(limit: limit), at: now)
        case .portAnnounced: hold.handle(.announced, at: now)
        case .timeout: timeout(in: context, report: &report, at: now)
        case .natLearned, .denied, .meetStayedSilent, .remoteForecast, .sampled, .turn, .directPathsAbandoned, .relays, .allocated,
            .permitted, .relaysFailed, .remoteRelayed:
            break
        }
        if hold.nextAction() == .fire, hasFired {
            for index in targets.indices where targets[index].phase != .up { fire(index, in: context, at: now) }
        }
    }

    /// Tries nothing more: what is half-open is closed, and what has no answer by now will have none.
    mutating func finish(in context: DialContext, report: inout ConnectionReport, at now: Instant) {
        guard !isExhausted else { return }
        isExhausted = true
        for index in targets.indices {
            if report.attempts[targets[index].entry].verdict == .pending {
                let isUnfired = targets[index].phase == .wanted && targets[index].shots == 0
                let detail = isUnfired ? "not sent, because too many connections were half-open" : ""
                judge(index, isUnfired ? .failed : .silent, detail, in: context, report: &report, at: now)
            }
            abandon(index)
        }
    }

    /// Tries nothing more, without a verdict: what is half-open is closed.
    mutating func close() {
        isExhausted = true
        actions.append(.withdrawRequest)
        for index in targets.indices { abandon(index) }
    }

    /// An answer to what is over: nothing is left open.
    private mutating func settleLate(
        _ event: PathStrategyEvent, in context: DialContext, report: inout ConnectionReport, at now: Instant
    ) {
        switch event {
        case .granted(let count): actions.append(.returnRoom(count))
        case .connected(let shot): actions.append(.close(shot))
        // What was up before may still carry the session.
        case .secured(let shot), .settled(let shot): judge(shot, .succeeded, "", in: context, report: &report, at: now)
        case .superseded(let shot): supersede(shot, in: context, report: &report, at: now)
        case .lost(let shot, let loss): lost(shot, loss, in: context, report: &report, at: now)
        default: break
        }
    }

    private func index(of shot: ShotID) -> Int? {
        targets.indices.contains(shot.target) && targets[shot.target].turn == shot.turn ? shot.target : nil
    }

    private func shot(_ index: Int) -> ShotID { ShotID(target: index, turn: targets[index].turn) }
}

// MARK: Firing

extension SimultaneousOpen {
    private mutating func timeout(in context: DialContext, report: inout ConnectionReport, at now: Instant) {
        if let deadline = hold.deadline, now >= deadline { hold.handle(.timeout, at: now) }
        for index in targets.indices where targets[index].firstByteDeadline.map({ now >= $0 }) ?? false {
            targets[index].firstByteDeadline = nil
            actions.append(.discardUnlessHeard(shot(index)))
        }
        guard let schedule else { return }
        if let next = schedule.nextInstant {
            if now.sinceStart >= next { instant(in: context, at: now) }
        } else if now.sinceStart >= schedule.deadline {
            finish(in: context, report: &report, at: now)
        }
    }

    /// One of the common instants.
    private mutating func instant(in context: DialContext, at now: Instant) {
        instantCount += 1
        // The remote peer that has refused is there, and by now both sides' SYNs have crossed. If all is silence since, a NAT on the way takes ours for something
        // else.
        if instantCount == Self.replacingInstant, context.isDialer,
            targets.contains(where: { $0.wasRefused && !$0.isRefused && $0.phase != .up })
        {
            actions.append(.replacePort)
        }
        let isSilent = !context.isConnecting && !targets.contains { $0.wasRefused || $0.hasReceivedSYN }
        if instantCount >= Self.silentInstants.dialer, isSilent {
            actions.append(.foundSilence(isLong: instantCount >= Self.silentInstants.called))
        }
        for case .fire(let index) in schedule?.fire(at: now.sinceStart) ?? [] { fire(index, in: context, at: now) }
    }

    private mutating func fire(_ index: Int, in context: DialContext, at now: Instant) {
        guard !hold.isHolding, isGranted(index, context) else { return }
        guard targets[index].phase == .fired else { return want(index) }
        // Out of turn just now: its answer may be on its way. Most paths between two peers take less time than the one through the server, and the interval is
        // twice that.
        guard now - targets[index].firedAt >= interval / 2 else { return }
        actions.append(.inspect(shot(index)))
    }

    /// A remote peer that is not authenticated is granted one SYN for each instant.
    private func isGranted(_ index: Int, _ context: DialContext) -> Bool {
        context.isRemoteAuthenticated || targets[index].shots < MeetSchedule.instants.count
    }

    private mutating func want(_ index: Int) {
        guard targets[index].phase == .idle else { return }
        targets[index].phase = .wanted
        actions.append(.requestRoom(1))
    }

    private mutating func fireWanted(in context: DialContext, report: inout ConnectionReport, at now: Instant) {
        guard let index = targets.firstIndex(where: { $0.phase == .wanted }) else { return actions.append(.returnRoom(1)) }
        targets[index].phase = .fired
        targets[index].turn += 1
        targets[index].shots += 1
        targets[index].firedAt = now
        (targets[index].hasReceivedSYN, targets[index].isRefused, targets[index].isWithheld) = (false, false, false)
        if targets[index].shots == 1 {
            report.attempts[targets[index].entry].start = now - context.start
            actions.append(.takePorts(1))
        }
        report.attempts[targets[index].entry].shots = targets[index].shots
        actions.append(.connect(shot(index), targets[index].endpoint, from: .dialPort(interface: targets[index].interface)))
    }

    /// Fires again, at once, at every target that has refused. This holds our NAT open, and keeps a SYN of ours in flight: a crossing one that found only the
    /// listener would be answered with another sequence number than our NAT has seen, which Linux' conntrack calls invalid.
    private mutating func fireVolleys(in context: DialContext) {
        guard !hold.isHolding, hold.allowsVolleys else { return }
        for index in targets.indices where targets[index].isRefused && isGranted(index, context) && schedule?.refused(index) != nil { want(index) }
    }

    private mutating func abandon(_ index: Int) {
        if targets[index].phase == .fired { actions.append(.close(shot(index))) }
        if targets[index].phase != .up { targets[index].phase = .idle }
        targets[index].turn += 1
    }
}

// MARK: Answers

extension SimultaneousOpen {
    private mutating func inspected(_ shot: ShotID, _ state: ConnectingState) {
        guard let index = index(of: shot), targets[index].phase == .fired, state != .established else { return }
        // The SYNs have crossed, and the answer to ours may be on its way. Where it is not by the next instant, it was lost.
        if state == .synReceived, !targets[index].hasReceivedSYN { return targets[index].hasReceivedSYN = true }
        actions.append(state == .synReceived ? .discard(shot) : .close(shot))
        targets[index].phase = .idle
        want(index)
    }

    private mutating func connected(_ shot: ShotID, at now: Instant) {
        guard let index = index(of: shot), targets[index].phase == .fired else { return actions.append(.close(shot)) }
        targets[index].phase = .up
        schedule?.connected(index)
        // The first bytes come a round trip after the connection, or after the system has sent ours again. A peer that has waited too short a time waits twice as
        // long the next time: the remote machine may be slow.
        targets[index].firstByteDeadline = now + interval * (2 << min(targets[index].unheard, 4))
    }

    private mutating func unheard(_ shot: ShotID, in context: DialContext, report: inout ConnectionReport, at now: Instant) {
        guard let index = index(of: shot), targets[index].phase == .up else { return }
        targets[index].unheard += 1
        judge(index, .silent, "established, but nothing came", in: context, report: &report, at: now)
        lost(shot)
    }

    private mutating func lost(_ shot: ShotID) {
        guard let index = index(of: shot), targets[index].phase == .up else { return }
        targets[index].phase = .idle
        targets[index].firstByteDeadline = nil
        targets[index].isSuperseded = false
        schedule?.lost(index)
    }

    private mutating func lost(
        _ shot: ShotID, _ loss: PathLoss, in context: DialContext, report: inout ConnectionReport, at now: Instant
    ) {
        switch loss {
        case .superseded: return supersede(shot, in: context, report: &report, at: now)
        case .closedByRemote, .impostor, .beforeTakeover, .other:
            judge(shot, loss == .impostor ? .impostor : .failed, loss.detail, in: context, report: &report, at: now)
        }
        lost(shot)
    }

    /// One direct path is enough. It counts as up until that is gone.
    private mutating func supersede(_ shot: ShotID, in context: DialContext, report: inout ConnectionReport, at now: Instant) {
        guard let entry = entry(of: shot) else { return }
        if let index = index(of: shot), targets[index].phase == .up { targets[index].isSuperseded = true }
        report.judge(entry, .superseded, since: context.start, at: now)
        actions.append(.judged(entry: entry))
    }

    /// The entry of the report for a SYN, be it an earlier one of its target.
    private func entry(of shot: ShotID) -> Int? { targets.indices.contains(shot.target) ? targets[shot.target].entry : nil }

    private mutating func judge(
        _ shot: ShotID, _ verdict: ConnectionReport.Attempt.Verdict, _ detail: String, in context: DialContext,
        report: inout ConnectionReport, at now: Instant
    ) {
        guard let entry = entry(of: shot), report.allows(verdict, for: entry) else { return }
        report.judge(entry, verdict, detail, since: context.start, at: now)
        actions.append(.judged(entry: entry))
    }

    private mutating func failed(
        _ shot: ShotID, _ failure: ShotFailure, in context: DialContext, report: inout ConnectionReport, at now: Instant
    ) {
        guard let index = index(of: shot), targets[index].phase == .fired else { return }
        targets[index].phase = .idle
        if failure != .occupied { targets[index].occupied = 0 }
        schedule?.failed(index)
        switch failure {
        case .refused:
            judge(index, .refused, "RST", in: context, report: &report, at: now)
            // Our NAT may have forgotten, at the RST, the mapping that the server knows.
            actions.append(.verifyBindings)
            (targets[index].isRefused, targets[index].wasRefused) = (true, true)
            fireVolleys(in: context)
        case .unreachable:
            judge(index, .refused, "ICMP, or no route", in: context, report: &report, at: now)
            // What could be reached before cannot have lost its route: our own NAT holds something of this connection against us.
            if targets[index].shots == 1 { targets[index].isUnreachable = true }
            if !targets[index].isUnreachable { actions.append(.replacePort) }
        case .silent: judge(index, .silent, "", in: context, report: &report, at: now)
        // The remote SYN came first, and the listener has its connection. If that has said nothing until the next instant, it is half-dead, and in the way of every
        // further SYN. One that was never completed is not even ours to discard: our NAT does not let the listener's SYN-ACK out, because it has seen another SYN
        // of ours before.
        case .occupied:
            targets[index].occupied += 1
            if targets[index].occupied > 1 {
                actions.append(.clear(targets[index].endpoint, isPressing: targets[index].occupied > Self.patientInstants))
            }
        case .withheld(let refusal):
            targets[index].isWithheld = refusal.isBudget
            targets[index].shots -= 1
            report.attempts[targets[index].entry].shots = targets[index].shots
            judge(index, .failed, "not sent, because of \(refusal.rawValue)", in: context, report: &report, at: now)
        case .noDescriptor: judge(index, .failed, "no file descriptor was free", in: context, report: &report, at: now)
        case .other(let text): judge(index, .failed, text, in: context, report: &report, at: now)
        }
    }

    private mutating func judge(
        _ index: Int, _ verdict: ConnectionReport.Attempt.Verdict, _ detail: String, in context: DialContext, report: inout ConnectionReport,
        at now: Instant
    ) {
        judge(shot(index), verdict, detail, in: context, report: &report, at: now)
    }
}
