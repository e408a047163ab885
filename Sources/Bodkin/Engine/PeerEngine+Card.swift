import BodkinCore
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import NIOCore

/// The state of the rest of the peer, as the rendezvous machine is told it.
extension PeerEngine {
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
        remotes.forEachDial { $0.announce(currentCard(for: $0.id)) }
    }
}
