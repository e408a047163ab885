import Bodkin
import BodkinCore
import BodkinPrediction

extension CheckReport {
    /// The report in lines for people: the findings, the ratings and the recommendations.
    var words: String { (findings + ratings + recommendations + (pair.map { [Self.words($0)] } ?? [])).joined(separator: "\n") }

    /// The ratings in one line, with the most effective recommendation.
    var summary: String {
        let grades = profile.grades.map { "\($0.rating.rawValue) over \(Self.name($0.family))" }.joined(separator: ", ")
        return (["Rating for direct connections: \(grades)"] + recommendations.prefix(1)).joined(separator: "; ")
    }

    // MARK: Findings

    private var findings: [String] {
        var lines = profile.interfaces.map { "Interface \($0.name): \($0.addresses.map { "\($0.address)" }.joined(separator: ", "))" }
        lines += profile.routes.map { "Default route: interface \($0.interface)\($0.gateway.map { ", gateway \($0)" } ?? "")" }
        switch profile.reachability {
        case .registered(let time): lines.append("Rendezvous server: registered in \(time.tenths) ms")
        case .failed: lines.append("Rendezvous server: not usable")
        }
        lines += profile.tcp.map { "TCP mapping over \(Self.name($0.family)): \(Self.words($0))" }
        lines += profile.allocations.filter { $0.estimate.mapping != .none }.map {
            "TCP port allocation over \(Self.name($0.family)): \(Self.words($0))"
        }
        lines += profile.filtering.compactMap { filtering in
            Self.words(filtering).map { "TCP filtering over \(Self.name(filtering.family)): \($0)" }
        }
        if let hairpin = profile.hairpin {
            let (support, ability) = hairpin ? ("supported", "can") : ("not supported", "cannot")
            lines.append("Hairpinning: \(support) (two hosts behind this NAT \(ability) connect through its public address)")
        }
        lines += profile.resets.compactMap { reset in Self.words(reset).map { "RST from outside over \(Self.name(reset.family)): \($0)" } }
        if let sentence = profile.nesting.flatMap(Self.words) { lines.append("NATs on the path: \(sentence)") }
        lines += profile.tcp.compactMap { profile.cgnatIndicator($0.family) }.map { "CGN: probable, because \($0.meaning)" }
        lines += profile.udp.map { mapping in
            let isBlocked = mapping.kind == .blocked
            return "UDP mapping over \(Self.name(mapping.family)): "
                + (isBlocked ? "no answer (a firewall probably blocks UDP, which Bodkin does not need)" : Self.words(mapping))
        }
        lines += profile.udpAllocations.filter { $0.estimate.mapping != .none }.map {
            "UDP port allocation over \(Self.name($0.family)): \(Self.words($0))"
        }
        lines += profile.udpFiltering.compactMap { filtering in
            Self.datagrams(filtering).map { "UDP filtering over \(Self.name(filtering.family)): \($0)" }
        }
        return lines
    }

    private static func words(_ mapping: MappingProfile) -> String {
        let seen = mapping.mapped.map { "\($0)" }.joined(separator: " and ")
        let local = mapping.local.map { "\($0)" } ?? "the local port"
        let port = mapping.preservesPort == true ? "; the NAT preserves the port" : ""
        return switch mapping.kind {
        case .blocked: "no answer from the server's STUN ports"
        case .none: "no NAT (the server sees the local endpoint \(seen))"
        case .endpointIndependent: "endpoint-independent (every STUN port sees \(local) as \(seen))\(port)"
        case .endpointDependent: "endpoint-dependent (the STUN ports see \(local) as \(seen))\(port)"
        case .unknown: "unknown (only one STUN port answered, and it sees \(seen))"
        }
    }

    private static func words(_ allocation: AllocationProfile) -> String {
        let estimate = allocation.estimate
        let noise = estimate.noise.map { $0.rate < 0.5 ? "" : "; other hosts take about \(Int($0.rate.rounded())) ports per second" } ?? ""
        let kind =
            switch estimate.allocation {
            case .equal: "the external port equals the local port"
            case .preserving(let shift): "the external port is the local port plus \(shift)"
            case .sequential(let delta): "sequential, in steps of \(delta)\(noise)"
            case .dependent(let delta): "sequential for consecutive local ports, in steps of \(delta)\(noise); random for other local ports"
            case .random(let range): "random, from about \(range.lowerBound) to \(range.upperBound)"
            case .block(let range): "random, from a block of about \(range.count) ports near \(range.lowerBound)"
            case .unknown: "unknown (\(allocation.sampleCount) mappings show no pattern)"
            }
        let kept =
            switch allocation.keepsEndpoint {
            case true?: "; every destination sees the same mapping"
            case false?: "; each destination sees a different mapping"
            case nil: ""
            }
        let pool = estimate.addresses.count > 1 ? "; external addresses: \(estimate.addresses.map(\.description).joined(separator: ", "))" : ""
        return kind + kept + pool
    }

    private static func words(_ filtering: FilteringProfile) -> String? {
        let reaction =
            switch filtering.unsolicited {
            case .silence: "; the NAT or firewall drops other SYNs"
            case .reset: "; the NAT or firewall answers other SYNs with an RST"
            case .unreachable: "; the NAT or firewall answers other SYNs with an ICMP error"
            case .unknown: ""
            }
        return switch filtering.behaviour {
        case .endpointIndependent: "endpoint-independent (every remote endpoint can connect to a mapped port)"
        case .addressDependent where filtering.otherAddress == nil:
            "address-dependent or endpoint-independent (only a server with a second address can distinguish them)"
        case .addressDependent: "address-dependent (every port of a contacted address can connect)\(reaction)"
        case .addressAndPortDependent: "address-and-port-dependent (only contacted endpoints can connect)\(reaction)"
        case .unknown: nil
        }
    }

    private static func datagrams(_ filtering: FilteringProfile) -> String? {
        switch filtering.behaviour {
        case .endpointIndependent: "endpoint-independent (every remote endpoint can send to a mapped port)"
        case .addressDependent: "address-dependent (every port of a contacted address can send)"
        case .addressAndPortDependent: "address-and-port-dependent (only contacted endpoints can send)"
        case .unknown: nil
        }
    }

    private static func words(_ reset: ResetProfile) -> String? {
        switch (reset.loss, reset.keepsEndpoint, reset.sparesOthers) {
        case (.mapping, true?, _): "the NAT deletes all sessions of the port, and allocates the same external port again"
        case (.mapping, _, _): "the NAT deletes the mapping and all sessions of the port"
        case (.session, _, _): "the NAT deletes the session, and with the last session of a port its mapping"
        case (_, true?, true?): "the NAT keeps the mapping and the port's other sessions"
        case (_, nil, true?): "the NAT keeps the port's other sessions"
        default: nil
        }
    }

    private static func words(_ nesting: NestingProfile) -> String? {
        let inner = "the nearest router" + (nesting.hops.first { $0.number == 1 }.map { " \($0.address)" } ?? "")
        if nesting.isNested == true { return "at least two (\(inner), and a CGN)" }
        return switch (nesting.hasFurther, nesting.outsideHop) {
        case (true?, _): "one or more (a router beyond \(inner) has the external address)"
        case (false?, 1?): "one (\(inner) has the external address)"
        default: nil
        }
    }

    // MARK: Ratings

    private var ratings: [String] {
        profile.grades.flatMap { grade in
            ["Rating over \(Self.name(grade.family)): \(grade.rating.rawValue) for direct connections. \(reason(grade))"]
                + ReferenceNetwork.allCases.compactMap { network in
                    grade.outcomes[network].map { "   with \(network.name): \(Self.words($0))" }
                }
        }
    }

    private func reason(_ grade: NetworkGrade) -> String {
        let allocation = profile.allocation(grade.family)
        switch (grade.rating, allocation?.estimate.allocation) {
        case (.excellent, _):
            return profile.filtering(grade.family)?.behaviour == .endpointIndependent
                ? "Every remote peer can connect to a mapped port." : "A contacted address can connect from each of its ports."
        case (.bad, _) where grade.outcomes.isEmpty:
            return "A firewall blocks TCP to the server's STUN ports, so remote peers learn no address and connections use circuits."
        case (.unknown, _) where grade.outcomes.isEmpty: return "The rendezvous server is not usable."
        case (_, _) where allocation?.estimate.mapping == MappingBehaviour.none:
            return "The address is public, and simultaneous open passes a firewall."
        case (_, _) where allocation?.keepsEndpoint == true: return "Every destination sees the same mapping, so remote peers can reach it."
        case (_, .preserving?): return "The external port follows from the local port, so peers can predict it."
        case (_, .sequential?), (_, .dependent?):
            return "Each destination sees a different port, but the NAT allocates sequentially, so peers can predict the next ports."
        case (_, .block?): return "Each destination sees a different port of a small block, so a birthday search can find it."
        case (_, .random?): return "Each destination sees a random port, so only remote peers with a known port can find it by a birthday search."
        default: return "The check did not learn which ports remote peers see."
        }
    }

    /// Returns the estimate of a connection in one clause.
    static func words(_ forecast: TraversalEstimate) -> String {
        switch forecast.feasibility {
        case .certain: "direct, in one round"
        case .likely(let probability, let probes):
            switch forecast.plan?.tier {
            case .meet?, nil: "direct in one round, if both NATs support simultaneous open (\(percent(probability)) of them do)"
            case .predicted?: "direct by port prediction (\(percent(probability)) \(rounds(forecast)))"
            case .birthday?: "direct by a birthday search with \(probes) connections in flight (\(percent(probability)) \(rounds(forecast)))"
            }
        case .impossible(let reason): "relayed, because \(reason.meaning)"
        case .unknown: "unknown, because not enough was measured"
        }
    }

    private static func rounds(_ forecast: TraversalEstimate) -> String {
        forecast.plan?.rounds == 1 ? "in its single round" : "in each of two rounds"
    }

    private static func percent(_ probability: Double) -> String {
        let tenths = Int((probability * 1000).rounded(.down))
        return tenths >= 990 ? "over 99 %" : "\((tenths + 5) / 10) %"
    }

    private var recommendations: [String] { profile.recommendations.map { "Recommendation: \(CommandHint.advice($0))" } }
}
