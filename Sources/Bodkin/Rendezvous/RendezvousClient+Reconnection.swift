import BodkinCore
import BodkinTransport

/// Replaces a link that is lost, or never came up: exponential back-off, and another link.
extension RendezvousClient {
    /// The first span of the back-off, and the longest; where somebody waits for the server, before the first registration, and otherwise.
    private static let missedBackoff = (first: Duration.milliseconds(100), longest: Duration.seconds(1))
    private static let firstBackoff = (first: Duration.milliseconds(333), longest: Duration.seconds(10))
    private static let idleBackoff = (first: Duration.milliseconds(333), longest: Duration.seconds(30))
    /// How long a registration has to last before its link counts as a good one: whatever loses it earlier may do so at every attempt.
    private static let stableLifetime = Duration.seconds(10)
    /// How long a silent link that connects is no news.
    static let longestSilence = Duration.seconds(3)
    /// How long the first registration of a link waits for NAT bindings at most: the server waits 10 s for the hello, of which TLS may take 8.
    private static let longestBindingWait = Duration.seconds(1)
    /// The most that one handshake counts for as a round trip: that of a satellite behind full queues.
    private static let longestRoundTrip = Duration.seconds(8)

    /// The span of which a random part is waited (full jitter): half as long again after every failure. A restarted server is not met by all its peers at once,
    /// but first by those whose sessions wait for it.
    var backoff: Duration {
        let (first, longest) = demand.isMissed ? Self.missedBackoff : hasRegistered ? Self.idleBackoff : Self.firstBackoff
        return (0..<min(retryCount, 20)).reduce(first) { span, _ in min(longest, span * 3 / 2) }
    }

    mutating func linkCameUp(serverKeyHash: [UInt8]?, _ handshake: Duration?, at now: Instant) {
        guard case .connecting(let start) = state else { return }
        // TCP and TLS have taken two round trips.
        let measured = min((handshake ?? now - start) / 2, Self.longestRoundTrip)
        // A handshake that a loss, or a full queue, has held up says little about the way.
        roundTrip = isRoundTripKnown ? min(measured, roundTrip * 2) : measured
        isRoundTripKnown = true
        // The answers of NAT bindings are here, or a round trip away, or not to be had soon. On a very long way they follow.
        let end = now + min(max(roundTrip, .milliseconds(20)), Self.longestBindingWait)
        state = .linked(Link(start: start, serverKeyHash: serverKeyHash, phase: .awaitingBindings(until: end), liveness: ServerLiveness(at: now)))
        if waitingProbe != nil { waitingProbe = (now + firstPause, firstPause) }
    }

    mutating func linkEnded(_ error: TransportError, jitter: Double, at now: Instant) {
        switch state {
        case .idle, .waiting, .resolving, .over: return
        case .connecting: loseServer(error, jitter: jitter, at: now)
        case .linked: loseLink(error, isSilent: false, jitter: jitter, at: now)
        }
    }

    /// Gives up a link that carries nothing any more.
    mutating func dropLink(_ message: String, jitter: Double, at now: Instant) {
        perform(.disconnect(isDiscarded: true))
        loseLink(TransportError(.serverUnreachable, message), isSilent: true, jitter: jitter, at: now)
    }

    private mutating func loseLink(_ error: TransportError, isSilent: Bool, jitter: Double, at now: Instant) {
        guard let link else { return }
        // The server's own words tell more than the end of the connection.
        let reason = link.refusal ?? error
        guard hasRegistered || configuration.isPatient else { return fail(reason) }
        let registeredAt = link.registeredAt
        if let replacedSince = link.replacedSince {
            perform(.promoteReplacement)
            noteLoss(of: link, reason, at: now)
            return state = .connecting(since: replacedSince)
        }
        noteLoss(of: link, reason, at: now)
        // A server that falls silent was lost on the way, to this peer alone: it need not be spared.
        guard isSilent, registeredAt != nil else { return wait(jitter, at: now) }
        reconnect(at: now)
    }

    mutating func noteLoss(of link: Link, _ reason: any Error, at now: Instant) {
        endDialBack(nil)
        if let registeredAt = link.registeredAt, now - registeredAt >= Self.stableLifetime { retryCount = 0 }
        retryCount += 1
        perform(.linkLost(message: reason.words, isNews: hasRegistered && absence == nil))
        if hasRegistered, absence == nil { absence = Absence(error: reason, hasToldUnreachable: true) } else { notice(reason) }
    }

    /// The server cannot be used, for whatever reason; nil: its names have no address.
    mutating func loseServer(_ error: TransportError?, jitter: Double, at now: Instant) {
        let error = error ?? configuration.unresolved
        // No time mends a URL that names another server, or the proxy's without the right password. One by which the peer has registered was right: then somebody
        // else answers for a while.
        let isHopeless = [.serverImpostor, .proxyCredentials].contains(error.code) || !configuration.isPatient
        guard hasRegistered || !isHopeless else { return fail(error) }
        retryCount += 1
        perform(.connectFailed(message: error.message))
        notice(error)
        wait(jitter, at: now)
    }

    /// Says why there is no server, unless that was said.
    mutating func notice(_ error: any Error) {
        var absence = absence ?? Absence(error: error)
        absence.error = error
        let isOther = (error as? TransportError)?.isFromOther ?? false
        let isNews = isOther ? !absence.hasToldOther : !absence.hasToldUnreachable
        if isOther { absence.hasToldOther = true } else { absence.hasToldUnreachable = true }
        self.absence = absence
        if isNews { perform(.awaitingServer(message: error.words)) }
    }

    private mutating func wait(_ jitter: Double, at now: Instant) { state = .waiting(since: now, jitter: jitter >= 0 ? min(jitter, 1) : 0) }

    /// Leaves a link over which the server has called the card expired, for one over which a card goes by the server's own clock: at once, but never again and again
    /// at once.
    mutating func reopen(at now: Instant) {
        let wasRegistered = isRegistered
        leaveLink("The card expired, because the clocks of the rendezvous server and the peer differ.")
        guard wasRegistered else { return reconnect(at: now) }
        retryCount += 1
        wait(1, at: now)
    }

    /// Ends the link for another one.
    mutating func leaveLink(_ message: String, isDiscarded: Bool = false) {
        perform(.disconnect(isDiscarded: isDiscarded))
        endDialBack(nil)
        perform(.linkLost(message: message, isNews: hasRegistered && absence == nil))
        if hasRegistered, absence == nil { absence = Absence(error: TransportError(.serverUnreachable, message), hasToldUnreachable: true) }
    }

    /// Connects to the addresses that are known, and resolves the names again meanwhile.
    mutating func reconnect(at now: Instant) {
        resolve(at: now)
        guard isLocated else { return state = .resolving(until: now + Self.longestSilence) }
        connect(at: now)
    }

    private mutating func connect(at now: Instant) {
        state = .connecting(since: now)
        perform(.connect)
    }

    /// Connects anew at once if the address of the link is gone, or if there is no link. Keeps a link whose address is left; the driver has it probed.
    mutating func networkChanged(_ change: NetworkChange, at now: Instant) {
        if change.isOtherNetwork { isRoundTripKnown = false }
        if isLinkUp, !change.isLinkAddressGone { return }
        retryCount = 0
        // Without any address there is nothing to try.
        guard change.hasAddress else { return }
        switch state {
        case .idle, .over: break
        case .waiting, .resolving: reconnect(at: now)
        case .connecting:
            perform(.disconnect(isDiscarded: false))
            reconnect(at: now)
        case .linked:
            leaveLink("The network changed, and the registered address is gone.", isDiscarded: true)
            retryCount += 1
            reconnect(at: now)
        }
    }
}
