import BodkinCore
import BodkinSystem

/// What would make direct connections likelier: only what follows from what a check has found.
public enum Improvement: String, Hashable, Sendable, CaseIterable {
    /// TCP to the server's STUN ports does not get out.
    case letTCPOut = "let-tcp-out"
    /// There is no IPv6 address here.
    case useIPv6 = "use-ipv6"
    /// There is IPv6 here, of which the server has none.
    case serverIPv6 = "server-ipv6"
    /// The router gives each destination another port.
    case forwardPort = "forward-port"
    /// There are two routers, of which the nearer one gives no outside address.
    case bridgeRouter = "bridge-router"
    /// The NAT is the carrier's.
    case askProvider = "ask-provider"

    /// What to do, for people.
    public var advice: String {
        switch self {
        case .letTCPOut: "let TCP out to the server's STUN ports: what the server relays is not concerned"
        case .useIPv6: "turn IPv6 on, here and at the other end: there is no NAT on the way then"
        case .serverIPv6: "use a server with an IPv6 address: this machine has one, and no NAT is on the way there"
        case .forwardPort:
            "forward the reserved port (--reserved-port) at the router, where it is yours, or use one that keeps one mapping for a port (RFC 5382 section 4.1)"
        case .bridgeRouter:
            "there is a further router behind the nearest one: let one of them work as a bridge or access point, or forward the port at both"
        case .askProvider: "ask the provider for a public address: the NAT is the carrier's, and forwarding a port at home does not help"
        }
    }

    /// What would help a network of this profile, the most effective first.
    static func all(for profile: NetworkProfile) -> [Improvement] {
        var result: [Improvement] = []
        let marks = profile.grades.map(\.mark)
        if profile.tcp.contains(where: { $0.kind == .blocked }), profile.isRegistered { result.append(.letTCPOut) }
        // Where it is good, IPv4 alone does.
        guard !marks.contains(.excellent), !marks.contains(.good) else { return result }
        let hasIPv6 = profile.interfaces.flatMap(\.addresses).contains { $0.address.family == .v6 && $0.address.scope == .public }
        if !hasIPv6 { result.append(.useIPv6) } else if !profile.tcp.contains(where: { $0.family == .v6 }) { result.append(.serverIPv6) }
        for allocation in profile.allocations where allocation.keepsEndpoint == false {
            guard profile.carrierSign(allocation.family) == nil else {
                result.append(.askProvider)
                continue
            }
            result.append(.forwardPort)
            if allocation.family == .v4, profile.nesting?.hasFurther == true { result.append(.bridgeRouter) }
        }
        return result
    }
}
