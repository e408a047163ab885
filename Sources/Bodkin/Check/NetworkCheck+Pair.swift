public import BodkinCore
public import BodkinPrediction
import BodkinProtocols
import NIOCore

extension NetworkCheck {
    /// Queries a remote peer's forecast of its ports over a circuit, and assesses it together with a profile of the local network. The query sends no SYN to the
    /// peer, opens no session, and reveals no local address.
    /// - Throws: ``PeerError`` if the peer cannot be dialed, `TransportError` if the server cannot be reached.
    public static func assessment(of peer: PeerID, from profile: NetworkProfile, _ configuration: Peer.Configuration) async throws -> PairAssessment {
        var configuration = configuration
        configuration.paths = .relayOnly
        configuration.admission = .nobody
        return try await withPeer(configuration) { own in
            try await own.registered()
            let clock = ContinuousClock()
            let start = clock.now
            let engine = own.engine
            let told = try await own.eventLoop.flatSubmit { engine.value.queryForecast(of: peer) }.get()
            return PairAssessment(peer, after: clock.now - start, own: profile.network(.v4), told: told?.forecast, policy: profile.policy)
        }
    }
}
