/// A kind of network to stand behind, by the name that the command line uses.
///
/// ```swift
/// let home = NATPreset.portRestricted
/// print(home.rawValue, home.layers.count)
/// ```
public enum NATPreset: String, Sendable, Hashable, CaseIterable {
    /// A public address and nothing in the way.
    case open
    /// A public address behind a stateful firewall.
    case firewall
    /// EIM, EIF, equal ports.
    case fullCone = "full-cone"
    /// EIM, ADF, equal ports.
    case restricted
    /// EIM, APDF, equal ports, silence: the usual home router.
    case portRestricted = "port-restricted"
    /// The same, answering unsolicited SYNs with RST.
    case portRestrictedRST = "port-restricted-rst"
    /// The same, answering with ICMP port-unreachable.
    case portRestrictedICMP = "port-restricted-icmp"
    /// `port-restricted-rst` where an RST from outside deletes the session.
    case rstKills = "rst-kills"
    /// EIM, APDF, random ports.
    case randomCone = "random-cone"
    /// APDM, APDF, equal ports: Linux.
    case masquerade
    /// APDM, APDF, next port in sequence.
    case symmetricSequential = "symmetric-seq"
    /// APDM, APDF, every second port in sequence, with 20 allocations a second by others.
    case symmetricNoisy = "symmetric-noisy"
    /// APDM, APDF, in sequence for consecutive local ports only.
    case symmetricDependent = "symmetric-dependent"
    /// APDM, APDF, random inside a block of 512.
    case symmetricBlock = "symmetric-block"
    /// APDM, APDF, random.
    case symmetricRandom = "symmetric-random"
    /// `port-restricted` at home behind `full-cone` at the carrier.
    case cgn
    /// `port-restricted` at home behind `symmetric-block` at the carrier.
    case cgnBlock = "cgn-block"
    /// `port-restricted` that lets no UDP out.
    case udpBlocked = "udp-blocked"
    /// `port-restricted` that lets out only TCP to port 443.
    case only443 = "only-443"

    /// The boxes between a host and the Internet, the one next to the host first; none for `open`.
    public var layers: [NATParameters] {
        switch self {
        case .open: []
        case .firewall: [box { $0.translates = false }]
        case .fullCone: [cone(.endpointIndependent)]
        case .restricted: [cone(.addressDependent)]
        case .portRestricted: [NATParameters()]
        case .portRestrictedRST: [refusing(.reset)]
        case .portRestrictedICMP: [refusing(.unreachable)]
        case .rstKills:
            [changed(refusing(.reset)) { $0.resetEffect = .session(after: .zero) }]
        case .randomCone: [both { $0.allocation = .random }]
        case .masquerade:
            [
                changed(symmetric(.equal)) {
                    $0.resetEffect = .session(after: .seconds(10))
                    $0.midstream = .adopt
                }
            ]
        case .symmetricSequential: [symmetric(.sequential(delta: 1))]
        case .symmetricNoisy:
            [changed(symmetric(.sequential(delta: 2))) { $0.backgroundNoise = 20 }]
        case .symmetricDependent: [symmetric(.dependent(delta: 1))]
        case .symmetricBlock: [symmetric(.block(size: 512, isRandom: true))]
        case .symmetricRandom: [symmetric(.random)]
        case .cgn: Self.portRestricted.layers + Self.fullCone.layers
        case .cgnBlock: Self.portRestricted.layers + Self.symmetricBlock.layers
        case .udpBlocked: [box { $0.udp.allowedPorts = [] }]
        case .only443:
            [
                box {
                    $0.udp.allowedPorts = []
                    $0.tcp.allowedPorts = [443]
                }
            ]
        }
    }

    /// One line for people.
    public var summary: String {
        switch self {
        case .open: "public address, nothing in the way"
        case .firewall: "public address behind a stateful firewall"
        case .fullCone: "EIM, EIF, equal ports"
        case .restricted: "EIM, ADF, equal ports"
        case .portRestricted: "EIM, APDF, equal ports, silent: the usual home router"
        case .portRestrictedRST: "port-restricted, answers unsolicited SYNs with RST"
        case .portRestrictedICMP: "port-restricted, answers unsolicited SYNs with ICMP"
        case .rstKills: "port-restricted-rst where an RST from outside deletes the session"
        case .randomCone: "EIM, APDF, random ports"
        case .masquerade: "APDM, APDF, equal ports: Linux"
        case .symmetricSequential: "APDM, APDF, ports in sequence"
        case .symmetricNoisy: "APDM, APDF, every second port, 20 allocations/s by others"
        case .symmetricDependent: "APDM, APDF, in sequence for consecutive local ports"
        case .symmetricBlock: "APDM, APDF, random inside a block of 512"
        case .symmetricRandom: "APDM, APDF, random ports"
        case .cgn: "port-restricted behind a full-cone carrier NAT"
        case .cgnBlock: "port-restricted behind a symmetric-block carrier NAT"
        case .udpBlocked: "port-restricted, no UDP"
        case .only443: "port-restricted, only TCP to port 443"
        }
    }
}

private func changed(_ parameters: NATParameters, _ change: (inout NATParameters) -> Void) -> NATParameters {
    var parameters = parameters
    change(&parameters)
    return parameters
}

/// The usual home router with a difference.
private func box(_ change: (inout NATParameters) -> Void) -> NATParameters { changed(NATParameters(), change) }

/// A box that behaves the same towards TCP and UDP.
private func both(_ change: (inout TransportBehaviour) -> Void) -> NATParameters {
    box {
        change(&$0.tcp)
        change(&$0.udp)
    }
}

private func cone(_ filtering: Filtering) -> NATParameters { both { $0.filtering = filtering } }

private func refusing(_ refusal: Refusal) -> NATParameters { box { $0.tcp.unsolicited = refusal } }

private func symmetric(_ allocation: PortAllocation) -> NATParameters {
    both {
        $0.mapping = .addressAndPortDependent
        $0.allocation = allocation
    }
}
