public import BodkinCore
import BodkinProtocols
import NIOCore

extension NetworkCheck {
    /// Asks a peer by circuit what its ports look like from outside, and what that means together with a profile of the network here. Nothing is fired, the peer's
    /// application hears nothing of it, and the peer learns no address.
    /// - Throws: ``PeerError`` where the peer cannot be dialled, ``TransportError`` where the server cannot be reached.
    public static func outlook(on peer: PeerID, from profile: NetworkProfile, _ configuration: Peer.Configuration) async throws -> PairOutlook {
        var configuration = configuration
        configuration.paths = .relayOnly
        configuration.admission = .nobody
        return try await withPeer(configuration) { own in
            try await own.registered()
            let clock = ContinuousClock()
            let start = clock.now
            let engine = own.engine
            let told = try await own.eventLoop.flatSubmit { engine.value.outlook(of: peer) }.get()
            return PairOutlook(peer, after: clock.now - start, own: profile.network(.v4), told: told?.forecast, policy: profile.policy)
        }
    }
}
