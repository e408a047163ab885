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
        description.bindingCount = warms.count
        description.observedCount = warms.count { $0.observed != nil }
        description.isAnswerPending = warms.contains { $0.isConnected && $0.observed == nil }
        // The link's mapping is of the same NAT.
        description.keepalive = keepalive(from: link?.local)
        return description
    }

    /// The present card, signed; of a dial's own port, where it has one.
    func currentCard(for dial: AttemptID? = nil) -> WireSignedCard? {
        let (now, local) = (now, localDescription)
        rendezvous.handle(.localChanged(local), at: now)
        return rendezvous.signedCard(naming: candidates(for: dial), at: now)
    }

    /// Tells the machine what has become of NAT bindings, candidates, dials and sessions: a registration that waits for them goes out.
    func refreshRendezvous() {
        let (now, local) = (now, localDescription)
        rendezvous.handle(.localChanged(local), at: now)
        performRendezvousActions()
    }

    /// Registers anew, and tells the remote peers of dials that have not ended.
    func registerAfresh() {
        guard isRegistrationSent else { return }
        feedRendezvous(.register)
        for attempt in remotes.allDials { attempt.announce(currentCard()) }
    }
}

/// The machine's state, for the rest of the engine.
extension PeerEngine {
    var isLinkUp: Bool { rendezvous.isLinkUp }
    var isRegistrationSent: Bool { rendezvous.isRegistrationSent }
    var isRegistered: Bool { rendezvous.isRegistered }
    var serverHash: [UInt8] { rendezvous.serverHash }
    /// Milliseconds since 1970 by the server's clock.
    var serverTime: UInt64 { rendezvous.clock.time(at: now) }
    /// How far the server is: at most a second.
    var serverRoundTrip: TimeAmount { TimeAmount(rendezvous.roundTrip) }
    /// The number of the latest card, and of the latest that the server has taken over the present link.
    var sequence: UInt64 { rendezvous.sequence }
    var registeredSequence: UInt64 { rendezvous.link?.acknowledged ?? 0 }

    /// A path is in doubt: asks the server whether it hears the peer.
    func probeServer() { feedRendezvous(.probe) }
    /// Somebody waits for what only the server can bring, from now on.
    func probeServerWhileWaiting() { feedRendezvous(.awaitServer) }
}

// Names that other parts of the engine still use.
extension PeerEngine {
    func verifyLink() { probeServer() }
    func keepVigil() { probeServerWhileWaiting() }
}
