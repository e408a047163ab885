import BodkinCore
import BodkinTransport

/// Replaces a registered link that has fallen silent: another one is made beside it, and takes its place when it is up before the answer.
///
/// Whether a queue is full on the way, or a NAT has forgotten the link, cannot be told by the time that passes. It can be told by the order: what the silent link
/// was asked was asked first. So a slow uplink that somebody else fills ends no link, and no circuit with it, and a dead link is replaced as early as before.
/// A full queue drops packets, too, and a question that is sent a second time may be answered after the other link is up: so any packet of the silent link counts.
extension RendezvousClient {
    static let silence = "The rendezvous server stopped answering. Check the network."

    mutating func replaceLink(at now: Instant) {
        link?.replacedSince = now
        resolve(at: now)
        perform(.replace)
    }

    mutating func keepLinkIfAnswered() {
        guard let link, link.replacedSince != nil, !link.liveness.isProbed else { return }
        self.link?.replacedSince = nil
        perform(.abandonReplacement)
    }

    mutating func replacementCameUp(serverKeyHash: [UInt8]?, _ handshake: Duration?, at now: Instant) {
        guard let link, let start = link.replacedSince, link.liveness.isSilent(at: now) else {
            self.link?.replacedSince = nil
            return perform(.abandonReplacement)
        }
        perform(.disconnect(isDiscarded: true))
        perform(.promoteReplacement)
        noteLoss(of: link, TransportError(.serverUnreachable, Self.silence), at: now)
        state = .connecting(since: start)
        linkCameUp(serverKeyHash: serverKeyHash, handshake, at: now)
    }

    /// Without another link a silent one is no use either.
    mutating func replacementEnded(jitter: Double, at now: Instant) {
        guard let link, link.replacedSince != nil else { return }
        self.link?.replacedSince = nil
        if link.liveness.isSilent(at: now) { dropLink(Self.silence, jitter: jitter, at: now) }
    }
}
