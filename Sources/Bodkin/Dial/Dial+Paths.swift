import BodkinCore
import BodkinProtocols

/// The paths that come of a dial, and how it ends.
extension Dial {
    /// The handshake of a path has proved the remote peer.
    mutating func secured(_ path: PathRef, _ kind: PathKind, remote: Endpoint?, _ context: Context, at now: Instant) {
        if role == .called {
            perform(.awaitOpening(path))
        } else if let remoteInstance {
            if purpose != .forecast { use(path, kind, remote: remote, of: remoteInstance, context, at: now) }
        } else {
            perform(.close(path))
        }
        if path == .circuit { authenticatedByCircuit(context, at: now) }
    }

    private mutating func use(_ path: PathRef, _ kind: PathKind, remote: Endpoint?, of instance: InstanceID, _ context: Context, at now: Instant) {
        perform(.emit(.pathEstablished(peer, Route(kind), remote: remote)))
        succeeded(path, at: now)
        guard let session = context.session else {
            report.timeToFirstPath = now - start
            if kind.isDirect { hasDirectPath = true }
            return perform(.beginSession(path, instance))
        }
        if needs(kind, for: session) {
            if kind.isDirect { hasDirectPath = true }
            return perform(.addPath(path, kind))
        }
        supersede(path, at: now)
        perform(.close(path))
        // The path that was thought dead has answered.
        if isResumption, session.activePath?.isDirect == true, !session.isSuspect { end(context) }
    }

    /// One direct path is enough; and a circuit is of use only where nothing else works.
    private func needs(_ kind: PathKind, for session: Session) -> Bool {
        guard let active = session.activePath, !session.isSuspect else { return kind.isRelayed || !hasDirectPath }
        return kind.preference > active.preference && !hasDirectPath
    }

    private mutating func succeeded(_ path: PathRef, at now: Instant) {
        switch path {
        case .circuit: if let entry = circuit.entry { judge(entry, .succeeded, at: now) }
        case .accepted(let entry): judge(entry, .succeeded, at: now)
        case .shot(let key): perform(.deliver(.secured(key.shot), to: key))
        }
    }

    private mutating func supersede(_ path: PathRef, at now: Instant) {
        switch path {
        case .circuit: if let entry = circuit.entry { supersede(entry, at: now) }
        case .accepted(let entry): supersede(entry, at: now)
        case .shot(let key): perform(.deliver(.superseded(key.shot), to: key))
        }
    }

    private mutating func supersede(_ entry: Int, at now: Instant) {
        report.judge(entry, .superseded, since: start, at: now)
        perform(.emit(.attempt(peer, report.attempts[entry])))
    }

    private mutating func authenticatedByCircuit(_ context: Context, at now: Instant) {
        guard !isOver else { return }
        if let entry = circuit.entry { circuit = .authenticated(entry: entry) }
        // Its private addresses beyond our links are allowed from now on.
        considerAgain(context, at: now)
        if meeting != nil { tell(.remoteAuthenticated) }
        continueForecastQuery(context, at: now)
    }

    /// The called end: the dialer has begun a session on a path, or goes on with one.
    mutating func opened(_ path: PathRef?, isResumed: Bool, _ context: Context, at now: Instant) {
        if let path { succeeded(path, at: now) }
        if isResumed {
            resume()
            if context.areStrategiesExhausted { conclude() }
        } else {
            report.timeToFirstPath = now - start
            if meeting != nil { tell(.remoteAuthenticated) }
        }
    }

    /// The circuit is gone before the session had it.
    mutating func circuitLost(_ loss: PathLoss, _ context: Context, at now: Instant) {
        guard isAtServer else { return }
        if let entry = circuit.entry {
            if hasDirectPath { return supersede(entry, at: now) }
            if report.attempts[entry].verdict == .pending {
                judge(entry, loss == .impostor ? .impostor : .failed, loss.detail, at: now)
            }
        }
        // The Meet was answered, and the circuit has ended, or nobody is at its other end: a link has died since, and its peer will be back.
        if loss != .impostor, role == .dialer { update { $0.isLinkLost = true } }
        // Where no direct path is looked for any more, the circuit was the last hope.
        if context.areStrategiesExhausted { perform(.reportMissedCircuit) }
    }

    mutating func tentativeSessionFailed(_ reason: String?) {
        hasDirectPath = false
        if let reason { fail(.unresponsive, "The remote peer did not accept the connection (\(reason)). Try again in a moment.") }
    }

    // MARK: The end

    /// A direct path carries the session.
    mutating func settled(_ remote: Endpoint?, _ context: Context, at now: Instant) {
        guard context.session?.isTentative != true else { return }
        report.route = .direct
        report.remote = remote
        report.timeToDirect = now - start
        for index in report.attempts.indices where report.attempts[index].verdict == .pending { supersede(index, at: now) }
        complete(context)
    }

    mutating func strategiesExhausted(_ context: Context) {
        guard let meeting, !meeting.hasConcluded || context.session != nil else { return }
        conclude()
    }

    /// The instants are used up, or there is nobody to fire at.
    mutating func conclude() {
        update { $0.hasConcluded = true }
        perform(.finishStrategies(thenConclude: true))
    }

    /// Nothing more is tried by any strategy.
    mutating func concluded(_ context: Context, at now: Instant) {
        guard let session = context.session else {
            // A circuit may still be on its way.
            guard !context.isCircuitOpen else { return }
            // Nothing more comes of a dial of theirs that has no path.
            guard role == .dialer else { return isConnecting(context) ? () : end(context) }
            if meeting?.isLinkLost == true, purpose != .forecast { return dialAnew(at: now) }
            let message =
                configuration.usesCircuits
                ? "The circuit to the peer ended, and no direct path was established. Try again in a moment."
                : "No direct path to the peer was established. Allow circuits, or try another network."
            return fail(.unreachable, message)
        }
        if session.isTentative { return }
        // Without any path, the circuit is still to be waited for; at the called end, the session is about to be given it.
        if session.activePath == nil, !context.isCircuitTaken, context.isCircuitOpen { return }
        report.route = session.activePath.map { Route($0) }
        if session.activePath?.isRelayed == true {
            let verdict = context.verdict ?? RelayVerdict(report, isWanted: meeting?.isDirect ?? true, isSeen: context.isSeen)
            report.verdict = verdict
            // A disturbance may explain it, or nothing but a circuit was looked for: a direct path is looked for again soon.
            if aim == .circuit || [.silent, .unsteady, .failed].contains(verdict) { perform(.expectDirectPath) }
            perform(.reportRelayed(verdict))
        }
        complete(context)
    }

    private mutating func complete(_ context: Context) {
        perform(.complete)
        end(context)
    }
}
