import Bodkin
import BodkinCore
import BodkinSystem

/// What a check has found, for people and as JSON.
struct CheckReport {
    private let profile: NetworkProfile

    init(_ profile: NetworkProfile) { self.profile = profile }

    // MARK: For people

    /// In words: what there is, what it means for connecting, what would help.
    var words: String {
        var lines = profile.interfaces.map { "interface \($0.name): \($0.addresses.map { "\($0.address)" }.joined(separator: ", "))" }
        lines += profile.routes.map { "default route by \($0.interface)\($0.gateway.map { " over \($0)" } ?? "")" }
        switch profile.reachability {
        case .registered(let time): lines.append("server: registered in \(time.tenths) ms")
        case .failed: lines.append("server: cannot be used")
        }
        lines += profile.tcp.map { "TCP: \(Self.words($0))" }
        lines += profile.udp.map { "UDP: \($0.kind == .blocked ? "no answer, so it seems to be blocked (Bodkin does not need it)" : Self.words($0))" }
        return (lines + profile.tcp.map(Self.advice)).joined(separator: "\n")
    }

    private static func words(_ mapping: MappingProfile) -> String {
        let seen = mapping.mapped.map { "\($0)" }.joined(separator: " and ")
        let port = mapping.preservesPort == true ? ", the port preserved" : ""
        return switch mapping.kind {
        case .blocked: "no answer from the server's STUN ports over \(family(mapping))"
        case .none: "\(seen) is this machine's own: no NAT"
        case .endpointIndependent: "\(mapping.local.map { "\($0)" } ?? "a port") is seen as \(seen) by every destination\(port)"
        case .endpointDependent: "\(mapping.local.map { "\($0)" } ?? "a port") is seen as \(seen): another mapping for each destination\(port)"
        case .unknown: "seen as \(seen) by the one STUN port that answered"
        }
    }

    private static func advice(_ mapping: MappingProfile) -> String {
        let start = "=> over \(family(mapping)): "
        return switch mapping.kind {
        case .none: start + "direct connections work with nearly every peer; a firewall here does not hinder them"
        case .endpointIndependent: start + "direct connections work with every peer whose mapping does not depend on the destination, which is most"
        case .endpointDependent:
            start + "direct connections work with peers that are public or behind a permissive NAT; others go by circuit. "
                + "IPv6, or a router that keeps one mapping for a port, would help"
        case .blocked: start + "no direct connection: let TCP out to the server's STUN ports. What the server relays is not concerned"
        case .unknown: start + "direct connections are tried; let TCP out to the server's alternate STUN port to know more"
        }
    }

    private static func family(_ mapping: MappingProfile) -> String { mapping.family == .v4 ? "IPv4" : "IPv6" }

    // MARK: For programs

    /// All of it.
    var json: JSONValue {
        let server: [(String, JSONValue)] =
            switch profile.reachability {
            case .registered(let time): [("reachable", .flag(true)), ("registered_ms", .milliseconds(time))]
            case .failed(let error): [("reachable", .flag(false)), ("message", .text(CommandFailure(error).message))]
            }
        return .object([
            (
                "interfaces",
                .list(
                    profile.interfaces.map { .object([("name", .text($0.name)), ("addresses", .list($0.addresses.map { .text("\($0.address)") }))]) })
            ),
            (
                "routes",
                .list(profile.routes.map { .object([("interface", .text($0.interface)), ("gateway", $0.gateway.map { .text("\($0)") } ?? .null)]) })
            ),
            ("server", .object(server)), ("tcp", .list(profile.tcp.map(Self.json))), ("udp", .list(profile.udp.map(Self.json))),
        ])
    }

    private static func json(_ mapping: MappingProfile) -> JSONValue {
        .object([
            ("family", .text(mapping.family == .v4 ? "ipv4" : "ipv6")), ("mapping", .text(mapping.kind.rawValue)),
            ("local", mapping.local.map { .text("\($0)") } ?? .null), ("preserves_port", mapping.preservesPort.map { .flag($0) } ?? .null),
            (
                "samples",
                .list(mapping.samples.map { .object([("server", .text("\($0.server)")), ("mapped", $0.mapped.map { .text("\($0)") } ?? .null)]) })
            ),
        ])
    }
}
