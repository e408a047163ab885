import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore

/// Paths that others open.
extension PeerEngine {
    /// Takes a connection to the reserved port.
    func accept(_ channel: any Channel) throws {
        guard !isOver else { return channel.close(promise: nil) }
        try inbound.accept(channel)
    }

    /// Makes the driver of inbound paths.
    func makeInboundDriver() -> InboundDriver {
        let delegate = InboundDriver.Delegate(
            expectedPeer: { [weak self] in self?.remotes.dial($0).flatMap { $0.role == .dialer ? $0.peer : nil } },
            admits: { [weak self] in self?.admits($0) ?? false },
            claim: { [weak self] id in
                weak let attempt = self?.remotes.dial(id)
                return { path in if let attempt { attempt.secured(path, candidate: nil) } else { path.close() } }
            },
            offer: { [weak self] path, opening in self?.remotes[path.peer].offered(path, opening) })
        return InboundDriver(factory, clock: clock, delegate)
    }

    /// Whether a peer may open paths to this one: by policy, because a dial is under way, or because a live session is a grant.
    func admits(_ peer: PeerID) -> Bool {
        configuration.admission.admits(peer) || remotes.knows(peer)
    }

    /// Waits for the first frame of an authenticated dialer, which names the session of the path.
    func awaitOpening(_ path: Path, from peer: PeerID) { inbound.awaitOpening(path, from: peer) }
}
