import BodkinCore
import BodkinProtocols

/// The dialer's half until both sides meet: the Dial, its answer, and what becomes of it when the link to the server dies.
extension Dial {
    mutating func begin(isFirst: Bool, _ context: Context, at now: Instant) {
        isTimed = true
        // The circuit's handshake comes first, since it travels with the Dial.
        if isFirst, !isResumption {
            perform(.emit(.dialing(peer)))
            openCircuit()
        }
        sendIfWaiting(context, at: now)
    }

    private mutating func openCircuit() {
        guard configuration.usesCircuits, aim != .directPath, circuit == .none else { return }
        circuit = .requested
        perform(.openCircuit)
    }

    /// The circuit's handshake has begun.
    mutating func circuitOpened(at now: Instant) {
        report.attempts.append(ConnectionReport.Attempt(route: .circuit, start: now - start))
        circuit = .opened(entry: report.attempts.count - 1)
        // The Meet may be long in coming.
        if role == .dialer { perform(.expectCircuit(from: callDeadline)) }
    }

    /// Sends the Dial once the registration is out. A meeting whose link is gone may be known here alone: it begins anew, unless it has come to a connection.
    mutating func sendIfWaiting(_ context: Context, at now: Instant) {
        guard role == .dialer else { return }
        switch phase {
        case .meeting(let meeting) where meeting.isLinkLost:
            if context.session == nil, purpose != .forecast, !isConnecting(context) { dialAnew(at: now) }
        case .waiting where context.isRegistrationSent:
            // The circuit's handshake has only so much time: where the server may be long in coming, it begins with the dial.
            openCircuit()
            phase = .dialed(Dialed())
            perform(
                .sendDial(
                    instance: isResumption ? remoteInstance : nil, isDirect: configuration.usesDirectPaths && aim != .circuit,
                    patience: patience(context, at: now)))
        case .waiting, .dialed, .meeting, .over: break
        }
    }

    /// How long the server lets the dial wait. Its answer is to be here before the caller's time is up.
    private func patience(_ context: Context, at now: Instant) -> Duration {
        let rest = max(callDeadline - now, .zero)
        let patience = rest - min(context.serverRoundTrip + .milliseconds(100), rest / 4)
        return purpose == .forecast ? min(patience, Self.forecastDialTimeout) : patience
    }

    /// Whether a connection of the dial is up, and has not come to nothing yet.
    func isConnecting(_ context: Context) -> Bool { hasDirectPath || context.isConnecting }

    /// Whether the dial has led to nothing that it was for.
    private func isOpen(_ context: Context) -> Bool { context.session == nil || isResumption }

    mutating func pending(_ context: Context) {
        guard role == .dialer, isAtServer else { return }
        // Both dial each other: the other one's dial goes ahead.
        if !isResumption, context.hasDeferredMeet { perform(.acceptDeferredMeet(nil)) }
        if case .dialed(var dialed) = phase {
            if !dialed.isPending { sayWaiting() }
            dialed.isPending = true
            phase = .dialed(dialed)
            return
        }
        // What has led to a path needs no other Meet.
        guard isOpen(context), !hasDirectPath, !context.isCircuitTaken else { return }
        sayWaiting()
        perform(.finishStrategies(thenConclude: false))
        perform(.waitAgain)
    }

    private mutating func sayWaiting() { if purpose == .open { perform(.emit(.waiting(peer))) } }

    mutating func refused(_ reason: WireDialFailed.Reason, _ context: Context, at now: Instant) {
        // Otherwise a path has come up all the same.
        guard isOpen(context) else { return }
        // Both dial each other: the other one's dial stands, and its connection will be ours.
        if reason == .unavailable, !isResumption {
            if context.hasDeferredMeet { return perform(.acceptDeferredMeet(reason)) }
            if context.isCalled { return }
        }
        // The server has a bound of its own, and the caller waits longer than that.
        if isPending, reason != .quota, purpose == .open, callDeadline - now > Self.leastRest {
            return dialAnew("the peer was not registered", at: now)
        }
        fail(reason)
    }

    private mutating func fail(_ reason: WireDialFailed.Reason) {
        switch reason {
        case .unresponsive: fail(.unresponsive, "The peer is registered but does not answer. Try again in a moment.")
        case .quota: fail(.quota, "The rendezvous server allows no more dials now. Try again in a minute.")
        case .unavailable, .unspecified, .UNRECOGNIZED:
            let advice = "Check that it listens at this server and allows \(configuration.localPeer)."
            fail(.unavailable, "The peer is not registered, or does not allow this dial. \(advice)")
        }
    }

    /// It leads to nothing.
    mutating func fail(_ code: PeerError.Code, _ message: String) {
        perform(.finishStrategies(thenConclude: false))
        perform(.fail(code, message))
    }

    /// The remote peer has answered the Meet, and has lost its link to the server since: the circuit will not come up, and the Meet named what may be gone.
    mutating func remoteLost(_ context: Context, at now: Instant) {
        guard role == .dialer, meeting != nil, context.session == nil, purpose != .forecast, configuration.usesCircuits else { return }
        update { $0.isLinkLost = true }
        if !isConnecting(context) { dialAnew("the peer's link to the server is gone", at: now) }
    }

    /// A meeting that has begun goes on without its circuit until the next link is there.
    mutating func serverLost(_ message: String, _ context: Context, at now: Instant) {
        update { $0.isLinkLost = true }
        guard isOpen(context) else { return }
        switch phase {
        // Nothing of it was at the server, and its circuit's handshake is still here.
        case .waiting where purpose == .open && context.isCircuitOpen: break
        case .waiting, .dialed: if purpose == .open { dialAnew(at: now) } else { fail(.serverLost, message) }
        case .meeting, .over: break
        }
    }

    /// The messages for it have gone with the link. Its callers wait on, for as long as before: it is dialed again as soon as the server is back.
    mutating func dialAnew(_ reason: String = "the link to the server is gone", at now: Instant) {
        perform(.finishStrategies(thenConclude: false))
        if let entry = circuit.entry, report.attempts[entry].verdict == .pending { judge(entry, .failed, reason, at: now) }
        perform(.dialAnew)
    }

    mutating func timeout(_ context: Context, at now: Instant) {
        if case .asked(let until) = forecastQuery, now >= until {
            forecastQuery = .answered
            perform(.deliverForecast(nil))
        }
        guard isTimed, now >= callDeadline else { return }
        isTimed = false
        // A called end whose dialer never comes is forgotten.
        guard role == .dialer else { return context.session == nil ? end(context) : () }
        guard isOpen(context) || context.session?.isTentative == true else { return }
        switch phase {
        case .meeting: fail(.unreachable, "No path to the peer was established in time. Allow circuits, or try another network.")
        case .dialed(let dialed) where dialed.isPending: fail(dialed.wasMet ? .unresponsive : .unavailable as WireDialFailed.Reason)
        case .waiting, .dialed, .over:
            fail(.serverLost, "The rendezvous server did not answer the dial in time. Check the network, and try again.")
        }
    }

    /// Nothing more is done for it. If the server has the dial, and nobody waits for the Meet any more, the server need not, either.
    mutating func end(_ context: Context) {
        if role == .dialer, isAtServer, isOpen(context) { perform(.sendCancel) }
        phase = .over
        isTimed = false
        perform(.release)
    }
}
