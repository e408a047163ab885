import BodkinEmulation
import Testing

@Suite("Networks by name")
struct AccessNetworkTests {
    @Test("presets and configurations have 54 names, and each is read back")
    func names() {
        let all = AccessNetwork.allCases
        #expect(all.count == NATPreset.allCases.count + 35 && Set(all.map(\.rawValue)).count == all.count)
        for network in all { #expect(AccessNetwork(rawValue: network.rawValue) == network) }
        #expect(AccessNetwork(rawValue: "cgn")?.layers == NATPreset.cgn.layers)
        #expect(AccessNetwork(rawValue: "symmetric/dependent")?.layers == NATConfiguration(.symmetric, .dependent).layers)
    }

    @Test("what is no name is none", arguments: ["", "cgn/equal", "symmetric", "OPEN", "open/", "symmetric/random "])
    func refused(text: String) {
        #expect(AccessNetwork(rawValue: text) == nil)
    }

    @Test("a configuration knows the preset that it is by another name, and that it is none")
    func presets() {
        #expect(AccessNetwork.configuration(NATConfiguration(.udpFirewall, .random)).preset == .firewall)
        #expect(AccessNetwork.configuration(NATConfiguration(.open, .random)).preset == .open)
        #expect(AccessNetwork.configuration(NATConfiguration(.symmetric, .preserving)).preset == nil)
        for preset in NATPreset.allCases { #expect(AccessNetwork.preset(preset).preset == preset) }
    }

    @Test("every pair of them makes a valid topology, with the boxes that it is told of", arguments: AccessNetwork.allCases)
    func topologies(a: AccessNetwork) throws {
        for b in AccessNetwork.allCases {
            let topology = Topology.pair(a, b, seed: 1)
            try topology.validate()
            #expect(topology.boxes.count == a.layers.count + b.layers.count)
            #expect(topology.box("nat-a")?.parameters == a.layers.first)
        }
    }

    @Test("a further interface stands behind a configuration as a host does")
    func interfaces() throws {
        var topology = Topology.pair(AccessNetwork.preset(.open), .preset(.open), seed: 1)
        topology.addInterface(to: "a", behind: .configuration(NATConfiguration(.restricted, .dependent)))
        try topology.validate()
        #expect(topology.box("nat-a-eth1")?.parameters == NATConfiguration(.restricted, .dependent).layers.first)
    }

    @Test("the kernel can be a configuration that is one of its presets, and says so of others")
    func kernel() throws {
        let known = AccessNetwork.configuration(NATConfiguration(.portRestricted, .equal))
        try Topology.pair(known, .preset(.open), implementation: .kernel, seed: 1).validate()
        let other = AccessNetwork.configuration(NATConfiguration(.symmetric, .dependent))
        #expect(throws: LabError.self) { try Topology.pair(other, .preset(.open), implementation: .kernel, seed: 1).validate() }
    }
}
