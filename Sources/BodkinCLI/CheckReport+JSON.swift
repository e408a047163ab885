import Bodkin
import BodkinCore
import BodkinPrediction

/// The JSON form of docs/check.md. Later versions add members, and neither rename nor remove any.
extension CheckReport {
    /// The whole report.
    var json: JSONValue { .object(members) }

    /// The members of the report.
    var members: [(String, JSONValue)] {
        let server: [(String, JSONValue)] =
            switch profile.reachability {
            case .registered(let time): [("reachable", .flag(true)), ("registered_ms", .milliseconds(time))]
            case .failed(let error): [("reachable", .flag(false)), ("message", .text(CommandFailure(error).message))]
            }
        let routes = profile.routes.map { route in
            JSONValue.object([("interface", .text(route.interface)), ("gateway", route.gateway.map { .text("\($0)") } ?? .null)])
        }
        let members: [(String, JSONValue)] = [
            ("interfaces", .list(profile.interfaces.map(Self.json))), ("routes", .list(routes)), ("server", .object(server)),
            ("tcp", .list(profile.tcp.map(Self.json))), ("udp", .list(profile.udp.map(Self.json))),
            ("allocation", .list(profile.allocations.map(json))),
            ("filtering", .list(profile.filtering.map(Self.json))), ("hairpin", profile.hairpin.map { .flag($0) } ?? .null),
            ("reset", .list(profile.resets.map(Self.json))),
            ("nesting", profile.nesting.map(Self.json) ?? .null),
            ("udp_allocation", .list(profile.udpAllocations.map { .object(Self.members($0)) })),
            ("udp_filtering", .list(profile.udpFiltering.map(Self.json))),
            ("grades", .list(profile.grades.map(Self.json))),
            (
                "improvements",
                .list(profile.recommendations.map { .object([("name", .text($0.rawValue)), ("advice", .text(CommandHint.advice($0)))]) })
            ),
        ]
        let peer = pair.map(Self.json) ?? unanswered.map { Self.json($0.peer, $0.failure) }
        return members + (peer.map { [("peer", $0)] } ?? [])
    }

    static func key(_ family: IPAddress.Family) -> JSONValue { .text(family == .v4 ? "ipv4" : "ipv6") }

    private static func json(_ interface: NetworkInterface) -> JSONValue {
        .object([("name", .text(interface.name)), ("addresses", .list(interface.addresses.map { .text("\($0.address)") }))])
    }

    private static func json(_ mapping: MappingProfile) -> JSONValue {
        .object([
            ("family", key(mapping.family)), ("mapping", .text(mapping.kind.rawValue)),
            ("local", mapping.local.map { .text("\($0)") } ?? .null), ("preserves_port", mapping.preservesPort.map { .flag($0) } ?? .null),
            (
                "samples",
                .list(mapping.samples.map { .object([("server", .text("\($0.server)")), ("mapped", $0.mapped.map { .text("\($0)") } ?? .null)]) })
            ),
        ])
    }

    private func json(_ allocation: AllocationProfile) -> JSONValue {
        .object(Self.members(allocation) + [("carrier", profile.cgnatIndicator(allocation.family).map { .text($0.rawValue) } ?? .null)])
    }

    private static func members(_ allocation: AllocationProfile) -> [(String, JSONValue)] {
        let estimate = allocation.estimate
        return [("family", key(allocation.family))] + members(estimate.allocation) + [
            ("others_per_second", estimate.noise.map { .number(($0.rate * 10).rounded() / 10) } ?? .null),
            ("kept", allocation.keepsEndpoint.map { .flag($0) } ?? .null),
            ("confidence", .number((estimate.confidence * 10_000).rounded() / 10_000)),
            ("outside", .list(estimate.addresses.map { .text("\($0)") })), ("samples", .integer(allocation.sampleCount)),
            ("server_addresses", .integer(allocation.serverAddressCount)),
        ]
    }

    /// The kind of an allocation and its numbers; absent numbers are null.
    static func members(_ kind: AllocationKind) -> [(String, JSONValue)] {
        let name =
            switch kind {
            case .equal: "equal"
            case .preserving: "preserving"
            case .sequential: "sequential"
            case .dependent: "dependent"
            case .random: "random"
            case .block: "block"
            case .unknown: "unknown"
            }
        return [
            ("kind", .text(name)), ("delta", kind.delta.map { .integer($0) } ?? .null),
            ("lowest", kind.range.map { .integer(Int($0.lowerBound)) } ?? .null),
            ("highest", kind.range.map { .integer(Int($0.upperBound)) } ?? .null),
        ]
    }

    private static func json(_ filtering: FilteringProfile) -> JSONValue {
        let behaviour =
            switch filtering.behaviour {
            case .endpointIndependent: "endpoint-independent"
            case .addressDependent: "address-dependent"
            case .addressAndPortDependent: "address-and-port-dependent"
            case .unknown: "unknown"
            }
        return .object([
            ("family", key(filtering.family)), ("behaviour", .text(behaviour)), ("same_address", .text(filtering.sameAddress.rawValue)),
            ("other_address", filtering.otherAddress.map { .text($0.rawValue) } ?? .null),
        ])
    }

    private static func json(_ reset: ResetProfile) -> JSONValue {
        .object([
            ("family", key(reset.family)), ("loss", reset.loss == .unknown ? .null : .text(reset.loss.rawValue)),
            ("keeps_endpoint", reset.keepsEndpoint.map { .flag($0) } ?? .null), ("spares_others", reset.sparesOthers.map { .flag($0) } ?? .null),
        ])
    }

    private static func json(_ nesting: NestingProfile) -> JSONValue {
        .object([
            ("nats", .integer(nesting.natCount)), ("further", nesting.hasFurther.map { .flag($0) } ?? .null),
            ("outside_hop", nesting.outsideHop.map { .integer($0) } ?? .null),
            ("hops", .list(nesting.hops.map { .object([("hop", .integer($0.number)), ("address", .text("\($0.address)"))]) })),
        ])
    }

    private static func json(_ grade: NetworkGrade) -> JSONValue {
        let outcomes = ReferenceNetwork.allCases.compactMap { network in
            grade.outcomes[network].map { JSONValue.object([("far", .text(network.rawValue))] + members($0)) }
        }
        return .object([("family", key(grade.family)), ("grade", .text(grade.rating.rawValue)), ("with", .list(outcomes))])
    }

    /// The members of an estimate.
    static func members(_ forecast: TraversalEstimate) -> [(String, JSONValue)] {
        let (outcome, reason): (String, JSONValue) =
            switch forecast.feasibility {
            case .certain: ("certain", .null)
            case .likely: ("likely", .null)
            case .impossible(let reason): ("circuit", .text(reason.rawValue))
            case .unknown: ("unknown", .null)
            }
        let tier: JSONValue =
            switch forecast.plan?.tier {
            case .meet?: .text("meet")
            case .predicted?: .text("predicted")
            case .birthday?: .text("search")
            case nil: .null
            }
        return [
            ("outcome", .text(outcome)), ("probability", forecast.feasibility.probability.map { .number(($0 * 1000).rounded() / 1000) } ?? .null),
            ("by", tier), ("reason", reason),
        ]
    }
}
