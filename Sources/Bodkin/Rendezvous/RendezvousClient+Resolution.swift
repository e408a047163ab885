import BodkinCore
import BodkinTransport

/// The names of the server: resolved at every reconnection beside it, and now and then while the link is up, since a name may lead to another server while the
/// former one still answers. A resolver that fails changes nothing: the addresses that were good before stay.
extension RendezvousClient {
    /// The least pause between two resolutions while an address is known.
    private static let resolutionInterval = Duration.seconds(5)
    /// After what time the names are resolved again while the link is up: many names of servers that may move have a TTL of five minutes.
    private static let refreshInterval = Duration.seconds(300)
    /// After what time they are resolved once more where they do not lead to the link's address: one answer may be a portal's, or one of several that take turns.
    private static let confirmationInterval = Duration.seconds(30)
    /// How many such answers in a row mean that the server has moved.
    private static let missLimit = 2

    mutating func resolve(at now: Instant) {
        let isRecent = isLocated && resolvedAt.map { now - $0 < Self.resolutionInterval } ?? false
        guard configuration.hasNames, !isResolving, !isRecent else { return }
        isResolving = true
        resolvedAt = now
        perform(.resolve)
    }

    /// When the names are resolved again although the link is up; nil if they never are.
    var nextResolution: Instant? {
        guard configuration.hasNames, !isResolving, let resolvedAt else { return nil }
        let isDoubtful = missCount > 0 && missCount < Self.missLimit
        return resolvedAt + (isDoubtful ? Self.confirmationInterval : Self.refreshInterval)
    }

    mutating func resolved(_ resolution: Resolution, jitter: Double, at now: Instant) {
        isResolving = false
        isLocated = resolution.isLocated
        switch state {
        case .idle, .connecting, .over: break
        case .resolving: isLocated ? reconnect(at: now) : loseServer(nil, jitter: jitter, at: now)
        case .waiting: if resolution.isNew { reconnect(at: now) }
        case .linked: compare(resolution, at: now)
        }
    }

    /// Leaves a server that its name does not lead to any more: the peers that begin now meet at the other one. It is left once for each place that the name
    /// leads to, and not while anybody's bytes run over it.
    private mutating func compare(_ resolution: Resolution, at now: Instant) {
        guard resolution.lacksPresent else { return missCount = 0 }
        missCount = resolution.isNew ? 1 : missCount + 1
        guard missCount == Self.missLimit, isRegistered else { return }
        guard !demand.isPrecious else { return missCount = 1 }
        leaveLink("The name of the rendezvous server leads to another address now.")
        reconnect(at: now)
    }
}

extension RendezvousClient.Configuration {
    /// The error of names that have no address.
    var unresolved: TransportError {
        TransportError(
            .serverUnreachable,
            "The name of the \(proxyName.map { "proxy \($0)" } ?? "rendezvous server \(serverName)") has no address. Check the name and the network.")
    }

    /// The error of a server that has not answered for a while.
    var unanswered: TransportError {
        TransportError(.serverUnreachable, "The rendezvous server \(serverName) has not answered yet. Check the network and the URL.")
    }
}

extension TransportError {
    /// Whether something else than the server answers in its place.
    var isFromOther: Bool {
        switch code {
        case .serverImpostor, .serverIntercepted, .serverProtocol, .proxyRefused, .proxyCredentials: true
        case .portInUse, .portForbidden, .serverUnreachable, .serverRefused: false
        }
    }
}

extension Error {
    /// The message of an error of the transport or of the peer.
    var words: String { (self as? TransportError)?.message ?? (self as? PeerError)?.message ?? "\(self)" }
}
