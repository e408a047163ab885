import BodkinEmulation
import Testing

@Suite("p2pd's configurations by name")
struct NATConfigurationTests {
    @Test("there are 35, each with a name of its own that is read back")
    func names() {
        let all = NATConfiguration.allCases
        #expect(all.count == 35 && Set(all.map(\.rawValue)).count == 35)
        for configuration in all { #expect(NATConfiguration(rawValue: configuration.rawValue) == configuration) }
        #expect(all.contains { $0.rawValue == "udp-firewall/dependent" })
    }

    @Test("what is no name is none", arguments: ["", "/", "symmetric", "symmetric/", "symmetric/random/", "symmetric/Random", "cgn/equal", "/equal"])
    func refused(text: String) {
        #expect(NATConfiguration(rawValue: text) == nil)
    }

    @Test("27 networks are left where one network under two names counts once")
    func distinct() {
        #expect(Set(NATConfiguration.allCases.map(\.layers)).count == 27)
        #expect(NATConfiguration.distinct.count == 27 && Set(NATConfiguration.distinct.map(\.layers)).count == 27)
        #expect(NATConfiguration(.open, .equal).isIndistinguishable(from: NATConfiguration(.open, .random)))
        #expect(!NATConfiguration(.symmetric, .equal).isIndistinguishable(from: NATConfiguration(.symmetric, .random)))
    }

    @Test("some are presets by another name")
    func presets() {
        #expect(NATConfiguration(.portRestricted, .equal).layers == NATPreset.portRestricted.layers)
        #expect(NATConfiguration(.fullCone, .equal).layers == NATPreset.fullCone.layers)
        #expect(NATConfiguration(.restricted, .equal).layers == NATPreset.restricted.layers)
        #expect(NATConfiguration(.portRestricted, .random).layers == NATPreset.randomCone.layers)
        #expect(NATConfiguration(.symmetric, .independent).layers == NATPreset.symmetricSequential.layers)
        #expect(NATConfiguration(.symmetric, .dependent).layers == NATPreset.symmetricDependent.layers)
        #expect(NATConfiguration(.symmetric, .random).layers == NATPreset.symmetricRandom.layers)
        #expect(NATConfiguration(.udpFirewall, .random).layers == NATPreset.firewall.layers)
    }

    @Test("blocked lets out TCP, lets in only answers, and knows no UDP")
    func blocked() {
        let box = NATConfiguration(.blocked, .random).layers.first
        #expect(box?.acceptsSimultaneousOpen == false && box?.tcp.allowedPorts == nil && box?.udp.allowedPorts == [])
        #expect(box?.tcp.allocation == .random && box?.tcp.filtering == .addressAndPortDependent)
    }
}
