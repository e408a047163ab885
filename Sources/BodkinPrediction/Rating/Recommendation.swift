import BodkinCore

/// A measure that makes direct connections more probable; it follows from the findings of a check.
public enum Recommendation: String, Hashable, Sendable, CaseIterable {
    /// A firewall blocks TCP to the server's STUN ports.
    case letTCPOut = "let-tcp-out"
    /// The local host has no public IPv6 address.
    case useIPv6 = "use-ipv6"
    /// The local host has a public IPv6 address, and the server has none.
    case serverIPv6 = "server-ipv6"
    /// The NAT maps each destination to another port, against RFC 5382 section 4.1.
    case forwardPort = "forward-port"
    /// A further router is between the nearest router and the external address.
    case bridgeRouter = "bridge-router"
    /// The NAT is a CGN.
    case askProvider = "ask-provider"

    /// The measure as one sentence, for people.
    public var advice: String {
        switch self {
        case .letTCPOut: "Allow outgoing TCP to the server's STUN ports."
        case .useIPv6: "Enable IPv6 at both peers, because IPv6 needs no NAT."
        case .serverIPv6: "Use a server with an IPv6 address, because this host has IPv6 without a NAT."
        case .forwardPort:
            "Forward the reserved port at the router, or use a router with endpoint-independent mapping."
        case .bridgeRouter:
            "Configure one of the two routers as a bridge or access point, or forward the reserved port at both."
        case .askProvider: "Ask the provider for a public address, because port forwarding at home does not pass the provider's CGN."
        }
    }

    /// The recommendations for a network of this profile, the most effective first.
    static func all(for profile: NetworkProfile) -> [Recommendation] {
        var result: [Recommendation] = []
        let ratings = profile.grades.map(\.rating)
        if profile.tcp.contains(where: { $0.kind == .blocked }), profile.isRegistered { result.append(.letTCPOut) }
        // If the rating over one family is good, that family suffices.
        guard !ratings.contains(.excellent), !ratings.contains(.good) else { return result }
        let hasIPv6 = profile.interfaces.flatMap(\.addresses).contains { $0.address.family == .v6 && $0.address.scope == .public }
        if !hasIPv6 { result.append(.useIPv6) } else if !profile.tcp.contains(where: { $0.family == .v6 }) { result.append(.serverIPv6) }
        for allocation in profile.allocations where allocation.keepsEndpoint == false {
            guard profile.cgnatIndicator(allocation.family) == nil else {
                result.append(.askProvider)
                continue
            }
            result.append(.forwardPort)
            if allocation.family == .v4, profile.nesting?.hasFurther == true { result.append(.bridgeRouter) }
        }
        return result
    }
}
