import BodkinCore
import BodkinProtocols

/// How often what is idle says something: as seldom as the NATs on the way allow, which its own connections find out.
extension PeerEngine {
    /// The most addresses of ours that something is known of.
    private static let addressLimit = 32

    /// After what silence to send something from an endpoint of ours.
    func keepalive(from local: Endpoint?) -> Duration { search(local).interval }

    /// A connection from there has answered after this silence.
    func answered(after silence: Duration, from local: Endpoint?) { update(local) { $0.answered(after: silence) } }

    /// A connection from there has died after this silence.
    func died(after silence: Duration, from local: Endpoint?) { update(local) { $0.died(after: silence) } }

    private func search(_ local: Endpoint?) -> KeepaliveSearch { local.flatMap { keepalives[$0.address] } ?? KeepaliveSearch() }

    private func update(_ local: Endpoint?, _ change: (inout KeepaliveSearch) -> Void) {
        guard let local else { return }
        if keepalives[local.address] == nil, keepalives.count >= Self.addressLimit { keepalives = [:] }
        change(&keepalives[local.address, default: KeepaliveSearch()])
    }
}
