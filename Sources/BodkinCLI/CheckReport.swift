import Bodkin
import BodkinCore

/// The findings of a check, for people and as JSON.
struct CheckReport {
    let profile: NetworkProfile
    /// The assessment of the pair with the peer of --peer.
    var pair: PairAssessment?
    /// The peer of --peer that cannot be dialed, and the reason.
    var unanswered: (peer: PeerID, failure: CommandFailure)?

    init(_ profile: NetworkProfile) { self.profile = profile }

    /// The name of an address family, for people.
    static func name(_ family: IPAddress.Family) -> String { family == .v4 ? "IPv4" : "IPv6" }
}
