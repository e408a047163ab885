import BodkinExercise
import BodkinNATLab
import Testing

/// What `bodkin check` says of NATs behind NATs.
@Suite(
    "bodkin check and nested NATs in the lab",
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct CheckNestingTests {
    /// Boxes, the one next to the host first, and what is to be found.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let layers: [NATParameters]
        let nats: Int
        let further: Bool?
        let outsideHop: Int?

        init(_ name: String, _ layers: [NATParameters], nats: Int, further: Bool?, at outsideHop: Int?) {
            (testDescription, self.layers, self.nats, self.further, self.outsideHop) = (name, layers, nats, further, outsideHop)
        }
    }

    private static let home = NATParameters()

    private static func box(_ change: (inout NATParameters) -> Void) -> NATParameters {
        var box = NATParameters()
        change(&box)
        return box
    }

    static let cases: [Case] = [
        Case("leads back inside", [box { $0.hairpin = true }], nats: 1, further: false, at: 1),
        Case("says what is closed", [box { $0.udp.unsolicited = .unreachable }], nats: 1, further: false, at: 1),
        Case("behind a firewall", [home] + NATPreset.firewall.layers, nats: 1, further: false, at: 1),
        Case("both symmetric", NATPreset.symmetricRandom.layers + NATPreset.symmetricSequential.layers, nats: 2, further: true, at: 2),
        Case("two, of which one leads back inside", [home, box { $0.hairpin = true }], nats: 2, further: true, at: 2),
        Case("three", [home, home, home], nats: 2, further: true, at: 3),
        // It may as well be a router of the same network: TTLs do not tell.
        Case("a router before the NAT", NATPreset.firewall.layers + [home], nats: 1, further: true, at: 2),
        // What would tell does not get that far.
        Case("no UDP at home", NATPreset.udpBlocked.layers + [home], nats: 1, further: nil, at: nil),
    ]

    @Test("says how many NATs there are at least, and where the outside address is", arguments: cases)
    func found(_ expected: Case) async throws {
        let nesting = try #require(try await CheckProgram.check(expected.layers).nesting)
        #expect(nesting.nats == expected.nats && nesting.further == expected.further && nesting.outsideHop == expected.outsideHop, "\(nesting)")
    }

    @Test("Linux's own NAT answers as it should", arguments: [NATPreset.portRestricted, .masquerade, .symmetricRandom], [true, false])
    func kernel(_ preset: NATPreset, isCarried: Bool) async throws {
        var topology = Topology(seed: 1)
        topology.addServer()
        if isCarried { topology.addBox("carrier", NATPreset.masquerade.layers[0], inside: nil, isCarrier: true) }
        topology.addBox("home", preset.layers[0], inside: isCarried ? "carrier" : nil)
        topology.updateBox("home") { ($0.preset, $0.implementation) = (preset, .kernel) }
        topology.updateBox("carrier") { ($0.preset, $0.implementation) = (.masquerade, .kernel) }
        topology.addHost("a", inside: "home")
        try await withPeerLab(topology) { place in
            let result = try await CheckProgram.run(["check"], in: "a", of: place)
            #expect(result.output.contains(isCarried ? "NATs on the path: at least two" : "NATs on the path: one ("), "\(result)")
        }
    }

    @Test("two routers of private networks that are no carrier's may be two NATs, or one")
    func atHome() async throws {
        var topology = Topology(seed: 1)
        topology.addServer()
        topology.addBox("outer", Self.home, inside: nil)
        topology.addBox("inner", Self.home, inside: "outer")
        topology.addHost("a", inside: "inner")
        try await withPeerLab(topology) { place in
            let result = try await CheckProgram.run(["check"], in: "a", of: place)
            #expect(result.output.contains("NATs on the path: one or more"), "\(result)")
            #expect(!result.output.contains("CGN"), "\(result)")
        }
    }

    @Test("a carrier's NAT behind the one at home is named, and by whom it shows")
    func carrier() async throws {
        let output = try await CheckProgram.check(NATPreset.cgn.layers)
        #expect(output.allocation.map(\.carrier) == ["hop-address"])
        #expect(output.nesting?.hops.map(\.hop) == [1, 2, 3])
        #expect(output.nesting?.hops.dropFirst().first?.address.hasPrefix("100.64.") == true)
    }

    @Test("routers that answer late, and links that lose, do not make one NAT of two, nor two of one", arguments: [NATPreset.cgn, .portRestricted])
    func loss(_ preset: NATPreset) async throws {
        var topology = CheckProgram.topology(preset.layers, delay: .milliseconds(40))
        topology.updateHost("a") {
            ($0.up.loss, $0.down.loss) = (0.05, 0.05)
            ($0.up.delay, $0.down.delay) = (.milliseconds(20), .milliseconds(20))
        }
        try await withPeerLab(topology) { place in
            let result = try await CheckProgram.run(["check"], in: "a", of: place)
            let (one, two) = (result.output.contains("NATs on the path: one ("), result.output.contains("NATs on the path: at least two"))
            #expect(preset == .cgn ? !one : !two, "\(result)")
        }
    }
}
