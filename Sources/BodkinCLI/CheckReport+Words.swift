import Bodkin
import BodkinCore
import BodkinPrediction
import BodkinSystem

extension CheckReport {
    /// In words: what there is, how good it is for connecting, what would help.
    var words: String { (found + judged + advised + (pair.map { [Self.words($0)] } ?? [])).joined(separator: "\n") }

    /// How good it is for connecting, in one line, with what would help most.
    var summary: String {
        let grades = profile.grades.map { "\($0.mark.rawValue) over \(Self.name($0.family))" }.joined(separator: ", ")
        return (["this network is \(grades) for direct connections"] + advised.prefix(1)).joined(separator: "; ")
    }

    /// What there is.
    private var found: [String] {
        var lines = profile.interfaces.map { "interface \($0.name): \($0.addresses.map { "\($0.address)" }.joined(separator: ", "))" }
        lines += profile.routes.map { "default route by \($0.interface)\($0.gateway.map { " over \($0)" } ?? "")" }
        switch profile.reachability {
        case .registered(let time): lines.append("server: registered in \(time.tenths) ms")
        case .failed: lines.append("server: cannot be used")
        }
        lines += profile.tcp.map { "TCP: \(Self.words($0))" }
        lines += profile.allocations.filter { $0.estimate.mapping != .none }.map { "ports over \(Self.name($0.family)): \(Self.words($0))" }
        lines += profile.filtering.compactMap { filtering in
            Self.words(filtering).map { "what comes in over \(Self.name(filtering.family)): \($0)" }
        }
        if let hairpin = profile.hairpin {
            let way = hairpin ? "reach" : "do not reach"
            lines.append("two machines behind this NAT \(way) each other by its outside address\(hairpin ? "" : "; on one link they need not")")
        }
        lines += profile.resets.compactMap(Self.words).map { "a connection that is broken off from outside (RST): \($0)" }
        if let sentence = profile.nesting.flatMap(Self.words) { lines.append(sentence) }
        lines += profile.tcp.compactMap { profile.carrierSign($0.family) }.map { "a carrier's NAT: \($0.meaning)" }
        lines += profile.udp.map { "UDP: \($0.kind == .blocked ? "no answer, so it seems to be blocked (Bodkin does not need it)" : Self.words($0))" }
        lines += profile.udpAllocations.filter { $0.estimate.mapping != .none }.map { allocation in
            "UDP ports over \(Self.name(allocation.family)): \(Self.words(allocation, of: "socket"))"
        }
        lines += profile.udpFiltering.compactMap { filtering in
            Self.datagrams(filtering).map { "what comes in by UDP over \(Self.name(filtering.family)): \($0)" }
        }
        return lines
    }

    private static func words(_ mapping: MappingProfile) -> String {
        let seen = mapping.mapped.map { "\($0)" }.joined(separator: " and ")
        let port = mapping.preservesPort == true ? ", the port preserved" : ""
        return switch mapping.kind {
        case .blocked: "no answer from the server's STUN ports over \(name(mapping.family))"
        case .none: "\(seen) is this machine's own: no NAT"
        case .endpointIndependent: "\(mapping.local.map { "\($0)" } ?? "a port") is seen as \(seen) by every destination\(port)"
        case .endpointDependent: "\(mapping.local.map { "\($0)" } ?? "a port") is seen as \(seen): another mapping for each destination\(port)"
        case .unknown: "seen as \(seen) by the one STUN port that answered"
        }
    }

    private static func words(_ allocation: AllocationProfile, of user: String = "connection") -> String {
        let estimate = allocation.estimate
        let noise = estimate.noise.map { $0.rate < 0.5 ? "" : ", between which others take about \(Int($0.rate.rounded())) a second" } ?? ""
        let kind =
            switch estimate.allocation {
            case .equal: "each \(user) has its local port's number outside, too"
            case .preserving(let shift): "the number outside is the local port's with \(shift) added"
            case .sequential(let delta): "each new mapping has the last one's number \(step(delta))\(noise)"
            case .dependent(let delta):
                "for consecutive local ports the numbers outside go on \(step(delta))\(noise), for others they are drawn at random"
            case .random(let range): "each new mapping has a number drawn at random, from about \(range.lowerBound) to \(range.upperBound)"
            case .block(let range): "each new mapping has a number drawn from a block of about \(range.count), near \(range.lowerBound)"
            case .unknown: "no pattern was seen in \(allocation.sampleCount) mappings: nothing is guessed"
            }
        let kept =
            switch allocation.keepsEndpoint {
            case true?: "; a mapping is kept for every destination"
            case false?: "; each destination has a mapping of its own"
            case nil: ""
            }
        let pool = estimate.addresses.count > 1 ? "; outside addresses: \(estimate.addresses.map(\.description).joined(separator: ", "))" : ""
        return kind + kept + pool
    }

    private static func words(_ filtering: FilteringProfile) -> String? {
        let rest =
            switch filtering.unsolicited {
            case .silence: "; the rest is dropped in silence"
            case .reset: "; the rest is refused at once"
            case .unreachable: "; the rest is answered by an ICMP error"
            case .unknown: ""
            }
        return switch filtering.behaviour {
        case .endpointIndependent: "anyone may connect to a port that is told"
        case .addressDependent where filtering.otherAddress == nil:
            "every port of an address that was connected to; whether others may, too, only a server with a second address can tell"
        case .addressDependent: "every port of an address that was connected to\(rest)"
        case .addressAndPortDependent: "only answers\(rest)"
        case .unknown: nil
        }
    }

    private static func datagrams(_ filtering: FilteringProfile) -> String? {
        switch filtering.behaviour {
        case .endpointIndependent: "anyone may send to a port that is told"
        case .addressDependent: "what comes from an address that was sent to"
        case .addressAndPortDependent: "only answers"
        case .unknown: nil
        }
    }

    private static func words(_ reset: ResetProfile) -> String? {
        switch (reset.loss, reset.keepsEndpoint, reset.sparesOthers) {
        case (.mapping, true?, _): "all other connections of its port die with it; the port's number outside is the same again"
        case (.mapping, _, _): "its port loses its number outside, and all other connections of the port die with it"
        case (.session, _, _): "if it was its port's only one, the port loses its number outside"
        case (_, true?, true?): "its port keeps its number outside, and the port's other connections go on"
        case (_, nil, true?): "its port's other connections go on"
        default: nil
        }
    }

    private static func words(_ nesting: NestingProfile) -> String? {
        let inner = nesting.hops.first { $0.number == 1 }.map { " (\($0.address))" } ?? ""
        if nesting.isNested == true { return "two NATs at least, one behind the other: the nearest router\(inner), and a carrier's" }
        return switch (nesting.hasFurther, nesting.outsideHop) {
        case (true?, _): "the nearest router\(inner) does not have the outside address: a further one does, and each of them may be a NAT"
        case (false?, 1?): "one NAT alone: the nearest router\(inner) has the outside address"
        default: nil
        }
    }

    private static func step(_ delta: Int) -> String { delta < 0 ? "minus \(-delta)" : "plus \(delta)" }

    // MARK: What it means

    private var judged: [String] {
        profile.grades.flatMap { grade in
            ["=> over \(Self.name(grade.family)): \(grade.mark.rawValue) for direct connections: \(reason(grade))"]
                + FarNetwork.allCases.compactMap { far in grade.outcomes[far].map { "   with \(far.name): \(Self.words($0))" } }
        }
    }

    private func reason(_ grade: NetworkGrade) -> String {
        let allocation = profile.allocation(grade.family)
        switch (grade.mark, allocation?.estimate.allocation) {
        case (.excellent, _):
            return profile.filtering(grade.family)?.behaviour == .endpointIndependent
                ? "anyone can connect to a port here that is told" : "whom a port here has connected to can connect to it from any port"
        case (.bad, _) where grade.outcomes.isEmpty:
            return "TCP to the server's STUN ports does not get out, so that no peer is told where to knock; connections go by circuit"
        case (.unknown, _) where grade.outcomes.isEmpty: return "the server cannot be reached"
        case (_, _) where allocation?.estimate.mapping == MappingBehaviour.none:
            return "the address is public, and a firewall is crossed where both sides connect at once"
        case (_, _) where allocation?.keepsEndpoint == true: return "every destination sees a port here in the same way, so that peers find it"
        case (_, .preserving?): return "each destination may see another port, but one that follows from the local port, so that it can be predicted"
        case (_, .sequential?), (_, .dependent?):
            return "each destination sees another port, but the NAT counts, so that the next ones can be predicted"
        case (_, .block?): return "each destination sees another port, of so small a block that it can be searched"
        case (_, .random?): return "each destination sees another port, drawn at random: only peers whose own port is known can search for it"
        default: return "too little is known of the ports that peers would see"
        }
    }

    /// What becomes of a pair.
    static func words(_ forecast: TraversalEstimate) -> String {
        switch forecast.feasibility {
        case .certain: "direct, in one round"
        case .likely(let probability, let probes):
            switch forecast.plan?.tier {
            case .meet?, nil: "direct in one round, where both NATs let a SYN meet another, as \(percent(probability)) of them do"
            case .predicted?: "direct by predicting ports (\(percent(probability)) \(rounds(forecast)))"
            case .birthday?:
                "direct by a search with \(probes) connections at a time (\(percent(probability)) \(rounds(forecast)))"
            }
        case .impossible(let reason): "by circuit: \(reason.meaning)"
        case .unknown: "not to be foretold: what decides is not known"
        }
    }

    private static func rounds(_ forecast: TraversalEstimate) -> String {
        forecast.plan?.rounds == 1 ? "in the one round that there is" : "for each round, of which there are two"
    }

    private static func percent(_ probability: Double) -> String {
        let tenths = Int((probability * 1000).rounded(.down))
        return tenths >= 990 ? "over 99 %" : "\((tenths + 5) / 10) %"
    }

    private var advised: [String] { profile.improvements.map { "what would help: \($0.advice)" } }
}
