import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinTransport
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

extension VirtualPeer {
    /// Our NAT, or something before the server, has ended the connections that keep the reserved port's mappings.
    fileprivate func loseMappings() {
        for id in engine.ports.machine.bindings(of: engine.ports.machine.reserved) {
            engine.ports.bindings.removeValue(forKey: id)?.abandon()
            engine.tellPorts(.bindingLost(id))
        }
    }
}

/// Whole dials in virtual time in which the reserved port is replaced.
@Suite("dials over a rotation of the port")
struct PortRotationDialTests {
    /// The Meet comes to a after 10 ms, and says that the two fire after 100 ms and every 400 ms.
    private static func withPeers(_ body: (VirtualNetwork, VirtualPeer, VirtualPeer) throws -> Void) throws {
        var topology = Topology(seed: 1)
        topology.addServer()
        topology.addHost("a", behind: .portRestricted, link: LinkParameters(delay: .milliseconds(5)))
        topology.addHost("b", behind: .portRestricted, link: LinkParameters(delay: .milliseconds(100)))
        let network = VirtualNetwork(topology)
        let server = try VirtualServer(on: network, identity: .create())
        let peers = try ["a", "b"].map { name in
            try VirtualPeer(on: name, of: network, identity: .create(), rendezvous: server.url) { $0.paths = .directOnly }
        }
        try #require(network.run(atMost: .seconds(20)) { peers.allSatisfy { $0.isRegistered && $0.engine.observedEndpoint != nil } })
        try body(network, peers[0], peers[1])
    }

    @Test(
        "a dial fires whenever its port is replaced: before the Meet, before the two fire, and after",
        arguments: [0, 1, 9, 30, 100, 300, 450, 900])
    func replaced(_ milliseconds: Int) throws {
        try Self.withPeers { network, a, b in
            let former = a.engine.port?.number
            let call = a.connect(to: b.id)
            network.run(for: .milliseconds(milliseconds))
            a.loseMappings()
            #expect(network.run(atMost: .seconds(4)) { call.report?.route == .direct }, "\(call.error.map { "\($0)" } ?? "nothing")")
            #expect(a.engine.port?.number != former)
        }
    }

    @Test("ports that came and went leave nothing behind but what others were told of")
    func left() throws {
        try Self.withPeers { network, a, _ in
            for _ in 0..<6 {
                network.run(for: .seconds(10))
                a.loseMappings()
            }
            network.run(for: .seconds(10))
            #expect(a.engine.ports.openPorts.count == 3 && a.engine.ports.bindings.count <= 9)
            #expect(a.engine.isMapped(for: .random()))
            a.engine.close()
            #expect(a.engine.ports.openPorts.isEmpty && a.engine.ports.bindings.isEmpty)
        }
    }
}
