import BodkinCore
import BodkinEmulation

/// Two networks under fire: one without delay that takes everything, and a lossy one with faults that takes only what is correct.
struct FuzzedNetworks: Sendable {
    /// What one packet led to.
    struct Outcome {
        var delivered: [Packet] = []
        var verified = 0
        var wrong: [Packet] = []
        var faults = 0
    }

    private var instant: EmulatedNetwork
    private var slow: EmulatedNetwork
    private let hosts: [(name: String, addresses: Set<IPAddress>)]

    init(seed: UInt64) {
        instant = EmulatedNetwork(Self.topology(LinkParameters(), seed))
        let lossy = LinkParameters(
            delay: .milliseconds(3), jitter: .milliseconds(4), loss: 0.02, rate: 10_000_000, queue: 20_000, mtu: 1280)
        let topology = Self.topology(lossy, seed)
        slow = EmulatedNetwork(topology)
        hosts = topology.interfaces.map { ($0.name, Set($0.addresses + $0.addresses6)) }
    }

    /// A server, two neighbours behind one NAT that turns back, hosts behind each kind of box, with the addresses that the generator uses.
    static func topology(_ link: LinkParameters, _ seed: UInt64) -> Topology {
        var topology = Topology(seed: seed)
        topology.addServer(link: link)
        var parameters = NATParameters()
        parameters.hairpin = true
        parameters.stripsTimestamps = true
        parameters.tcp.filtering = .endpointIndependent
        parameters.udp.unsolicited = .unreachable
        topology.addBox("nat", parameters, inside: nil, link: link)
        for name in ["a", "b"] { topology.addHost(name, inside: "nat") }
        let presets: [NATPreset] = [.cgn, .symmetricSequential, .rstKills, .portRestrictedICMP, .restricted, .firewall, .masquerade]
        for preset in presets { topology.addHost("h-\(preset.rawValue)", behind: preset, link: link) }
        topology.addInterface(to: "a", behind: .portRestricted, link: link)
        return topology
    }

    /// Sends a packet into both, and returns what came out of them by now.
    mutating func pass(_ packet: Packet, at now: LabInstant, _ random: inout SeededGenerator) -> Outcome {
        var outcome = Outcome()
        let isCorrect = packet.hasCorrectChecksums
        let source = packet.summary.flow.source.address
        let sender = hosts.first { $0.addresses.contains(source) }?.name ?? hosts[Int.random(in: hosts.indices, using: &random)].name
        if let port = instant.port(of: sender) {
            instant.send(packet, from: port, at: now)
            Self.take(&instant, isCorrect, &outcome)
        }
        if Int.random(in: 0..<500, using: &random) == 0 { disturb(at: now, &random, &outcome) }
        if isCorrect, let port = slow.port(of: sender) { slow.send(packet, from: port, at: now) }
        slow.advance(to: now)
        Self.take(&slow, true, &outcome)
        return outcome
    }

    private static func take(_ network: inout EmulatedNetwork, _ mustBeCorrect: Bool, _ outcome: inout Outcome) {
        for delivery in network.takeDeliveries() {
            let packet = delivery.packet
            outcome.delivered.append(packet)
            if mustBeCorrect { outcome.verified += 1 }
            let isWrong = mustBeCorrect && !packet.hasCorrectChecksums
            if isWrong || Packet(packet.bytes)?.summary != packet.summary { outcome.wrong.append(packet) }
        }
    }

    private mutating func disturb(at now: LabInstant, _ random: inout SeededGenerator, _ outcome: inout Outcome) {
        let name = hosts[Int.random(in: hosts.indices, using: &random)].name
        let address = IPAddress(v4: 0xCB00_7100 + UInt32.random(in: 100..<255, using: &random))
        let faults: [Fault] = [
            .reboot(name), .addressChange(name, address), .link(name, isUp: Bool.random(using: &random)), .link(name, isUp: true),
            .blackhole(name, isUpward: Bool.random(using: &random), .seconds(1)), .loss(name, 0.5, .seconds(1)), .reset(name),
            .family(name, Bool.random(using: &random) ? .v4 : .v6, isCarried: false), .family(name, .v4, isCarried: true),
            .family(name, .v6, isCarried: true),
        ]
        let fault = faults[Int.random(in: faults.indices, using: &random)]
        // A refusal is one of the answers: not every host stands behind a NAT.
        if (try? slow.apply(fault, at: now)) != nil { outcome.faults += 1 }
        if (try? instant.apply(fault, at: now)) != nil { outcome.faults += 1 }
    }
}
