import BodkinCore
import BodkinTransport

/// Replaces a lost link: exponential back-off, name resolution, another link.
extension RendezvousClient {
    /// The first span of the back-off, and the longest; where somebody waits for the server, and otherwise.
    private static let missedBackoff = (first: Duration.milliseconds(100), longest: Duration.seconds(1))
    private static let idleBackoff = (first: Duration.milliseconds(333), longest: Duration.seconds(30))
    /// How long a registration has to last before its link counts as a good one: whatever loses it earlier may do so at every attempt.
    private static let stableLifetime = Duration.seconds(10)
    /// How long the resolver may hold an attempt up: afterwards the addresses that were good before are tried. Resolvers ask again after 5 s (resolv.conf's
    /// default), so no answer to the first question would come later.
    private static let resolutionTimeout = Duration.seconds(2)
    /// The least pause between two resolutions.
    private static let resolutionInterval = Duration.seconds(5)
    /// The most that one handshake counts for as a round trip.
    private static let longestRoundTrip = Duration.seconds(1)

    /// The span of which a random part is waited (full jitter): half as long again after every failure. A restarted server is not met by all its peers at once,
    /// but first by those whose sessions wait for it.
    var backoff: Duration {
        let (first, longest) = demand.isMissed ? Self.missedBackoff : Self.idleBackoff
        return (0..<min(retryCount, 20)).reduce(first) { span, _ in min(longest, span * 3 / 2) }
    }

    mutating func linkCameUp(serverKeyHash: [UInt8]?, at now: Instant) {
        guard case .connecting(let start) = state else { return }
        connectFailures = 0
        // TCP and TLS have taken two round trips.
        let measured = min((now - start) / 2, Self.longestRoundTrip)
        // A handshake that a loss, or a full queue, has held up says little about the way.
        roundTrip = isRoundTripKnown ? min(measured, roundTrip * 2) : measured
        isRoundTripKnown = true
        // The answers of NAT bindings are here, or a round trip away, or not to be had soon.
        let end = now + max(roundTrip, .milliseconds(20))
        state = .linked(Link(start: start, serverKeyHash: serverKeyHash, phase: .awaitingBindings(until: end), liveness: ServerLiveness(at: now)))
        if waitingProbe != nil { waitingProbe = (now + firstPause, firstPause) }
    }

    mutating func linkEnded(_ error: TransportError, jitter: Double, at now: Instant) {
        switch state {
        case .idle, .waiting, .resolving, .over: return
        case .connecting: connectFailures += 1
        case .linked: break
        }
        loseLink(error, isSilent: false, jitter: jitter, at: now)
    }

    /// Gives up a link that carries nothing any more.
    mutating func dropLink(_ message: String, jitter: Double, at now: Instant) {
        perform(.disconnect(isDiscarded: true))
        loseLink(TransportError(.serverUnreachable, message), isSilent: true, jitter: jitter, at: now)
    }

    private mutating func loseLink(_ error: TransportError, isSilent: Bool, jitter: Double, at now: Instant) {
        guard hasRegistered else { return fail(error) }
        let registeredAt = link?.registeredAt
        endDialBack(nil)
        if let registeredAt, now - registeredAt >= Self.stableLifetime { retryCount = 0 }
        retryCount += 1
        perform(.linkLost(message: error.message))
        // A server that falls silent was lost on the way, to this peer alone: it need not be spared.
        guard isSilent, registeredAt != nil else { return state = .waiting(since: now, jitter: jitter >= 0 ? min(jitter, 1) : 0) }
        connect(at: now)
    }

    /// Leaves a link over which the server has called the card expired, for one over which a card goes by the server's own clock: at once, but never again and again
    /// at once.
    mutating func reopen(at now: Instant) {
        let wasRegistered = isRegistered
        perform(.disconnect(isDiscarded: false))
        endDialBack(nil)
        perform(.linkLost(message: "The card expired, because the clocks of the rendezvous server and the peer differ."))
        guard wasRegistered else { return connect(at: now) }
        retryCount += 1
        state = .waiting(since: now, jitter: 1)
    }

    /// The back-off is over.
    mutating func reconnect(at now: Instant) {
        let isRecent = resolvedAt.map { now - $0 < Self.resolutionInterval } ?? false
        guard configuration.hasNames, connectFailures > 0, !isResolving, !isRecent else { return connect(at: now) }
        isResolving = true
        resolvedAt = now
        state = .resolving(until: now + Self.resolutionTimeout)
        perform(.resolve)
    }

    mutating func resolved(at now: Instant) {
        isResolving = false
        if case .resolving = state { connect(at: now) }
    }

    mutating func connect(at now: Instant) {
        state = .connecting(since: now)
        perform(.connect)
    }

    /// Connects anew at once if the address of the link is gone, or if there is no link. Keeps a link whose address is left; the driver has it probed.
    mutating func networkChanged(_ change: NetworkChange, at now: Instant) {
        if change.isOtherNetwork { isRoundTripKnown = false }
        if isLinkUp, !change.isLinkAddressGone { return }
        retryCount = 0
        // Without any address there is nothing to try.
        guard hasRegistered, change.hasAddress else { return }
        switch state {
        case .idle, .over: break
        case .waiting, .resolving: connect(at: now)
        case .connecting:
            perform(.disconnect(isDiscarded: false))
            connect(at: now)
        case .linked:
            perform(.disconnect(isDiscarded: true))
            endDialBack(nil)
            perform(.linkLost(message: "The network changed, and the registered address is gone."))
            retryCount += 1
            connect(at: now)
        }
    }
}
