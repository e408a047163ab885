import BodkinCore
import Testing

@testable import BodkinEmulation

@Suite("Topologies")
struct TopologyTests {
    /// What the validation says against a pair that was changed.
    private static func complaint(_ change: (inout Topology) -> Void) -> String? {
        var topology = Topology.pair(.portRestricted, .cgn, seed: 1)
        change(&topology)
        do {
            try topology.validate()
            return nil
        } catch {
            return (error as? LabError).map { $0.code == .usage ? $0.message : "another code: \($0.code)" } ?? "another error"
        }
    }

    @Test("every pair of presets is valid", arguments: NATPreset.allCases, NATPreset.allCases)
    func valid(a: NATPreset, b: NATPreset) throws {
        try Topology.pair(a, b, link: LinkParameters(delay: .milliseconds(25), jitter: .milliseconds(5), loss: 0.02), seed: 1).validate()
    }

    @Test("no two of one topology have one address, and each is in the plan", arguments: NATPreset.allCases)
    func addresses(preset: NATPreset) {
        let topology = Topology.pair(preset, preset, seed: 1)
        // A firewall has one address on both sides.
        let all =
            topology.hosts.flatMap { $0.addresses + $0.addresses6 }
            + topology.boxes.flatMap { Set([$0.external, $0.external6] + $0.gateways) }
        #expect(Set(all).count == all.count)
        let plan = ["198.51.100.0/24", "203.0.113.0/24", "192.168.0.0/16", "100.64.0.0/16", "2001:db8::/32"].compactMap { IPPrefix($0) }
        #expect(all.allSatisfy { address in plan.contains { $0.contains(address) } })
    }

    @Test("a lab needs a host")
    func empty() { #expect(throws: LabError.self) { try Topology(seed: 1).validate() } }

    @Test("names are unique, and words", arguments: ["a", "server", "nat-a", "core", "", "two words", "übel", "a/b", "a_b"])
    func names(name: String) { #expect(Self.complaint { $0.addHost(name, inside: nil) } != nil) }

    @Test("a good name is no reason to complain", arguments: ["c", "Host-7", "x"])
    func goodNames(name: String) { #expect(Self.complaint { $0.addHost(name, inside: nil) } == nil) }

    @Test("a parent must exist, be a box, and come before what stands behind it")
    func parents() {
        #expect(Self.complaint { $0.addHost("c", inside: "nowhere") }?.contains("nowhere") == true)
        #expect(Self.complaint { $0.addHost("c", inside: "a") } != nil, "a host is no box")
        #expect(Self.complaint { $0.updateBox("nat-a") { $0.parent = "nat-b" } } != nil, "added before its parent")
        #expect(Self.complaint { $0.updateBox("nat-a") { $0.parent = "nat-a" } } != nil, "its own parent")
    }

    @Test(
        "links must be possible",
        arguments: [
            LinkParameters(delay: .milliseconds(-1)), LinkParameters(jitter: .milliseconds(-1)), LinkParameters(delay: .seconds(61)),
            LinkParameters(jitter: .seconds(61)), LinkParameters(loss: -0.1), LinkParameters(loss: 1.1), LinkParameters(loss: .nan),
            LinkParameters(rate: 999), LinkParameters(rate: 0), LinkParameters(rate: -5), LinkParameters(mtu: 575),
            LinkParameters(mtu: 65_536),
            LinkParameters(rate: 1_000_000, queue: -1),
        ])
    func links(link: LinkParameters) {
        #expect(Self.complaint { $0.updateHost("a") { $0.up = link } } != nil)
        #expect(Self.complaint { $0.updateHost("a") { $0.down = link } } != nil)
        #expect(Self.complaint { $0.updateBox("nat-a") { $0.up = link } } != nil)
        #expect(Self.complaint { $0.updateBox("nat-a") { $0.down = link } } != nil)
        #expect(Self.complaint { $0.paths.append(Topology.Path(from: "server", to: "nat-a", link: link)) } != nil)
    }

    @Test(
        "a path joins two that exist and are on the core",
        arguments: [("server", "nobody"), ("nobody", "server"), ("server", "a"), ("nat-b", "server"), ("b", "a")])
    func paths(from: String, to: String) {
        #expect(Self.complaint { $0.paths.append(Topology.Path(from: from, to: to, link: LinkParameters())) } != nil)
        #expect(Self.complaint { $0.paths.append(Topology.Path(from: "server", to: "carrier-b", link: LinkParameters())) } == nil)
    }

    @Test("boxes must be possible")
    func boxes() {
        #expect(Self.complaint { $0.updateBox("nat-a") { $0.parameters.tableSize = 0 } } != nil)
        for noise in [-1, 10_001, .nan, .infinity] {
            #expect(Self.complaint { $0.updateBox("nat-a") { $0.parameters.backgroundNoise = noise } } != nil)
        }
        #expect(Self.complaint { $0.updateBox("nat-a") { $0.implementation = .kernel } } == nil)
        #expect(Self.complaint { $0.updateBox("nat-b") { $0.implementation = .kernel } } != nil, "a kernel NAT stands on the core")
        #expect(Topology.Implementation.allCases.count == 2)
    }

    @Test(
        "what an RST from outside deletes can be set by text",
        arguments: [
            ("nothing", .none), ("session", .session(after: .zero)), ("session-10s", .session(after: .seconds(10))),
            ("mapping", .mapping(after: .zero)), ("mapping-10s", .mapping(after: .seconds(10))),
        ] as [(String, ResetEffect)])
    func resetEffect(text: String, effect: ResetEffect) throws {
        var topology = Topology.pair(.cgn, .open, seed: 1)
        topology.updateBox("nat-a") { $0.parameters.resetEffect = .session(after: .seconds(1)) }
        try topology.changeBox("a:rst-kills=\(text)")
        #expect(topology.box("nat-a")?.parameters.resetEffect == effect)
        #expect(throws: LabError.self) { try topology.changeBox("a:rst-kills=everything") }
    }

    @Test("more hosts than the address plan has room for are refused, not built wrongly", arguments: [true, false])
    func tooMany(areServers: Bool) {
        #expect(
            Self.complaint { topology in
                for number in 0..<200 {
                    if areServers { topology.addServer("s\(number)") } else { topology.addHost("h\(number)", inside: nil) }
                }
            } != nil)
    }

    @Test("127 servers would take the core's own address")
    func servers() {
        #expect(Self.complaint { topology in for number in 0..<125 { topology.addServer("s\(number)") } } == nil)
        #expect(Self.complaint { topology in for number in 0..<126 { topology.addServer("s\(number)") } } != nil)
    }

    @Test("the boxes above a host are named from the inside out, and the outermost address is what the core sees")
    func above() {
        let topology = Topology.pair(.cgn, .firewall, seed: 1)
        #expect(topology.boxes(above: "a").map(\.name) == ["nat-a", "carrier-a"])
        #expect(topology.outsideAddress(of: "a") == topology.box("carrier-a")?.external)
        #expect(topology.outsideAddress(of: "b") == topology.host("b")?.addresses.first)
        #expect(topology.outsideAddress(of: "nobody") == nil)
    }

    @Test("a duration beyond the clock is the clock's end")
    func clock() {
        #expect(LabInstant.start.advanced(by: .seconds(Int64.max)).nanoseconds == .max)
        #expect(LabInstant.start.advanced(by: .seconds(9_223_372_036) + .milliseconds(900)).nanoseconds == .max)
        #expect(LabInstant(nanoseconds: 5).advanced(by: .nanoseconds(Int64.max)).nanoseconds == .max)
    }
}
