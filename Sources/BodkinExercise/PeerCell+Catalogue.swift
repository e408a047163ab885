import BodkinCore
package import BodkinEmulation

extension PeerCell {
    /// The networks of which each pair connects with one SYN per candidate and without prediction.
    package static let tierOne: [NATPreset] = [
        .open, .firewall, .fullCone, .restricted, .portRestricted, .portRestrictedRST, .portRestrictedICMP, .rstKills, .randomCone, .masquerade, .cgn,
        .udpBlocked,
    ]

    /// Every unordered pair of ``tierOne``.
    package static let pairs = tierOne.indices.flatMap { first in tierOne[first...].map { pair(tierOne[first], $0, .direct) } }

    /// A symmetric NAT with random ports: direct where the other NAT lets it in, or has one port that is known; by circuit elsewhere.
    package static let symmetric =
        [NATPreset.open, .fullCone, .restricted, .portRestricted].map { pair(.symmetricRandom, $0, .direct) }
        + [pair(.symmetricRandom, .symmetricRandom, .circuit, verdict: .unpredictable)]

    /// Symmetric NATs whose ports can be predicted, or searched for.
    package static let predicted =
        [NATPreset.portRestricted, .portRestrictedRST, .portRestrictedICMP, .randomCone, .masquerade, .cgn, .symmetricSequential].map {
            pair(.symmetricSequential, $0, .direct)
        } + [.symmetricNoisy, .symmetricDependent].map { pair($0, $0, .direct) }
        + [.portRestrictedRST, .portRestrictedICMP, .rstKills, .randomCone, .masquerade, .cgn].map { pair(.symmetricRandom, $0, .direct) }
        + [.portRestricted, .masquerade].map { pair(.symmetricBlock, $0, .direct) }
        + [pair(.cgnBlock, .portRestricted, .direct)]

    /// The pairs whose NATs the kernel can be.
    package static let kernel: [PeerCell] = {
        let presets = tierOne.filter { KernelNAT.canExpress($0) }
        return presets.indices.flatMap { first in presets[first...].map { pair(presets[first], $0, .direct, implementation: .kernel) } }
    }()

    /// Networks that are more than two NATs.
    package static let places: [PeerCell] = [
        oneLAN("one LAN without NAT", nil),
        oneLAN("one LAN behind one NAT without hairpin", false),
        oneLAN("one LAN behind one NAT with hairpin", true),
        carrier,
        PeerCell("IPv6 firewall + IPv6 firewall", .direct, families: [.v6]) { Topology.pair(.firewall, .firewall, link: $0, seed: $1) },
        PeerCell("dual stack, IPv4 broken", .direct, families: [.v4, .v6]) { link, seed in
            var topology = Topology.pair(.portRestricted, .portRestricted, link: link, seed: seed)
            for box in ["nat-a", "nat-b"] {
                topology.updateBox(box) {
                    $0.up.broken = [.v4]
                    $0.down.broken = [.v4]
                }
            }
            return topology
        },
        deadInterface(0), deadInterface(1),
        unequal(.portRestricted), unequal(.portRestrictedRST),
        lateMeet("late Meet, RST kills both sides' sessions", ["nat-a", "nat-b"], .session(after: .zero), .equal),
        lateMeet("late Meet, RST kills one side's mapping of a random port", ["nat-a"], .mapping(after: .zero), .random),
    ]

    /// Every cell, in the order of the matrix.
    package static let all = pairs + symmetric + predicted + places + kernel

    /// Two hosts on one link, behind a NAT or a plain router.
    private static func oneLAN(_ name: String, _ hairpin: Bool?) -> PeerCell {
        PeerCell(name, .direct) { link, seed in
            var topology = Topology(seed: seed)
            topology.addServer(link: link.half)
            topology.addHost("a", behind: hairpin == nil ? .firewall : .portRestricted, link: link.half)
            topology.updateBox("nat-a") { $0.parameters.hairpin = hairpin == true }
            topology.addHost("b", inside: "nat-a")
            return topology
        }
    }

    /// Two homes behind one carrier's NAT that hairpins.
    private static let carrier = PeerCell("two homes behind one hairpinning CGN", .direct) { link, seed in
        var topology = Topology(seed: seed)
        topology.addServer(link: link.half)
        topology.addHost("a", behind: .cgn, link: link.half)
        topology.updateBox("carrier-a") { $0.parameters.hairpin = true }
        topology.addBox("nat-b", NATPreset.portRestricted.layers[0], inside: "carrier-a")
        topology.addHost("b", inside: "nat-b")
        return topology
    }

    /// A peer with two interfaces of which one, the `index`th, leads nowhere.
    private static func deadInterface(_ index: Int) -> PeerCell {
        PeerCell("two interfaces, eth\(index) dead", .direct) { link, seed in
            var topology = Topology.pair(.portRestricted, .portRestricted, link: link, seed: seed)
            topology.addInterface(to: "a", behind: .portRestricted, link: link.half)
            topology.updateInterface(index == 0 ? "a" : "a.eth1") {
                $0.up.loss = 1
                $0.down.loss = 1
            }
            return topology
        }
    }

    /// The way from the server to b is so much longer than the way back that b fires 60 ms after a, and both NATs answer RST, and some forget at one.
    private static func lateMeet(_ name: String, _ forgetful: [String], _ effect: ResetEffect, _ allocation: PortAllocation) -> PeerCell {
        PeerCell(name, .direct) { link, seed in
            var topology = Topology.pair(.portRestrictedRST, .portRestrictedRST, link: link, seed: seed)
            for box in forgetful {
                topology.updateBox(box) {
                    $0.parameters.resetEffect = effect
                    $0.parameters.tcp.allocation = allocation
                }
            }
            var late = LinkParameters()
            late.delay = .milliseconds(120)
            topology.paths.append(Topology.Path(from: "server", to: "nat-b", link: late))
            return topology
        }
    }

    /// Unequal ways: 5 ms and 80 ms to the server, 40 ms to each other.
    private static func unequal(_ preset: NATPreset) -> PeerCell {
        PeerCell("unequal delays, \(preset.rawValue)", .direct) { link, seed in
            var own = link
            own.delay = .zero
            var topology = Topology.pair(preset, preset, link: own, seed: seed)
            for (from, to, delay) in [("nat-a", "server", 5), ("nat-b", "server", 80), ("nat-a", "nat-b", 40)] {
                var stretch = LinkParameters()
                stretch.delay = .milliseconds(delay)
                topology.paths.append(Topology.Path(from: from, to: to, link: stretch))
                topology.paths.append(Topology.Path(from: to, to: from, link: stretch))
            }
            return topology
        }
    }
}
