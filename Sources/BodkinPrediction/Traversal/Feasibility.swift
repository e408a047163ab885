/// Whether two networks can be connected directly over TCP.
public enum Feasibility: Hashable, Sendable {
    /// Always, by the first round that is not lost.
    case certain
    /// With this probability for each round, each side having at most `probes` half-open connections.
    case likely(probability: Double, probes: Int)
    /// It is not worth one probe.
    case impossible(Impossibility)
    /// One of the two profiles leaves open what decides.
    case unknown
}

/// Why two networks cannot be connected directly.
public enum Impossibility: String, Hashable, Sendable, CaseIterable {
    /// Both NATs let in nothing but SYN-ACKs, so that neither side's SYN reaches the other.
    case noCrossing = "no-crossing"
    /// Both NATs, or one towards a port that the other does not keep, choose ports from too many.
    case unpredictable
    /// It could be done by predicting ports, which is turned off.
    case predictionOff = "prediction-off"
    /// Both stand behind one external address, and the NAT does not lead back inside.
    case noHairpin = "no-hairpin"
    /// The NAT may give each mapping another external address.
    case severalAddresses = "several-addresses"
    /// It would take more half-open connections at a time than the policy allows.
    case budget
    /// Connections may only go out to a few well-known ports.
    case portsForbidden = "ports-forbidden"

    /// The meaning, for people.
    public var meaning: String {
        switch self {
        case .noCrossing: "both NATs or firewalls drop unsolicited SYNs, and do not support simultaneous open"
        case .unpredictable: "the external ports are unpredictable, and a search would take tens of thousands of probes"
        case .predictionOff: "the pair needs port prediction, and port prediction is disabled"
        case .noHairpin: "both peers are behind one external address, and its NAT does not support hairpinning"
        case .severalAddresses: "one NAT has several external addresses, and may use a different one for each connection"
        case .budget: "the search needs more half-open connections than the limit allows"
        case .portsForbidden: "one network allows outgoing connections only to a few ports"
        }
    }
}

/// What one is ready to do for a direct path.
package struct PunchPolicy: Hashable, Sendable {
    /// Whether ports may be predicted and searched for (tiers 2 and 3).
    package var allowsPrediction = true
    /// The most half-open connections at a time on either side.
    package var budget = Self.largestBudget
    /// From sampling the allocator to the burst: the time in which other hosts' allocations shift it.
    package var timeToFire = Duration.milliseconds(150)

    /// No policy goes above it: home routers have died of larger searches.
    package static let largestBudget = 1024
    /// The part of it that a search leaves free for other dials.
    package static let reserve = 128

    /// The defaults.
    package init() {}

    /// The budget within its bounds.
    var probes: Int { max(0, min(budget, Self.largestBudget)) }
}
