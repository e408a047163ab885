import Bodkin
import BodkinCore

/// What a check has found, for people and as JSON.
struct CheckReport {
    let profile: NetworkProfile
    /// What is to be expected with the peer that was named.
    var pair: PairOutlook?
    /// The peer that was named and cannot be dialled, and why.
    var unanswered: (peer: PeerID, failure: CommandFailure)?

    init(_ profile: NetworkProfile) { self.profile = profile }

    /// A family's name, for people.
    static func name(_ family: IPAddress.Family) -> String { family == .v4 ? "IPv4" : "IPv6" }
}
