import BodkinCore
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import NIOCore

/// The state of the rest of the peer, as the rendezvous machine is told it.
extension PeerEngine {
    /// How much dials and sessions need the server.
    var serverDemand: ServerDemand {
        ServerDemand(isAwaited: isServerAwaited, isPrecious: isLinkPrecious, isMissed: isServerMissed)
    }

    private var isLinkPrecious: Bool {
        remotes.allSessions.contains { $0.driver.activePath?.kind == .circuit }
            || remotes.allDials.contains { $0.role == .dialer && $0.session == nil }
    }

    private var isServerAwaited: Bool {
        remotes.allDials.contains { $0.phase == .dialed }
            || remotes.allSessions.contains { box in box.driver.activePath.map { $0.kind == .circuit && box.driver.isDoubted } ?? true }
    }

    /// A connection waits for the server where it has no path, or one that is doubted, or is still to begin.
    var isServerMissed: Bool {
        remotes.allSessions.contains { $0.driver.activePath == nil || $0.driver.isDoubted }
            || remotes.allDials.contains { $0.role == .dialer && $0.session == nil && $0.phase == .waiting }
    }

    /// The contents of the card now.
    var localDescription: LocalDescription {
        var description = LocalDescription()
        description.candidates = candidates()
        description.keepsEndpoint = usesDirectPaths && keepsEndpoint == true
        description.bindingCount = bindings.count
        description.observedCount = bindings.count { $0.observed != nil }
        description.isAnswerPending = bindings.contains { $0.isConnected && $0.observed == nil }
        // The link's mapping is of the same NAT.
        description.keepalive = keepalive(from: link?.local)
        return description
    }

    /// Registers anew, and tells the remote peers of dials that have not ended.
    func registerAfresh() {
        guard isRegistrationSent else { return }
        feedRendezvous(.register)
        for attempt in remotes.allDials { attempt.announce(currentCard()) }
    }
}
