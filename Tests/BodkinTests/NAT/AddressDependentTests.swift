import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

/// Whole dials in virtual time behind NATs whose mapping depends on the remote address alone.
@Suite("A mapping that depends on the address alone")
struct AddressDependentTests {
    /// A NAT that maps each remote address apart and filters strictly.
    static func box(_ allocation: PortAllocation) -> NATParameters {
        var box = NATPreset.symmetricSequential.layers[0]
        box.tcp.mapping = .addressDependent
        box.tcp.allocation = allocation
        return box
    }

    /// Dials from a to b, once both are at rest.
    private static func dial(_ a: NATParameters, _ b: NATParameters, addressCount: Int, seed: UInt64) throws -> ConnectionReport? {
        var topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(25)), seed: seed)
        topology.updateBox("nat-a") { $0.parameters = a }
        topology.updateBox("nat-b") { $0.parameters = b }
        let network = VirtualNetwork(topology)
        let server = try VirtualServer(on: network, identity: .create(), addressCount: addressCount)
        let near = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url)
        let far = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url)
        network.run(for: .seconds(3))
        #expect(near.isRegistered && far.isRegistered)
        let call = near.connect(to: far.id)
        network.run(atMost: .seconds(15)) { call.report?.route == .direct }
        return call.report
    }

    static let home = NATPreset.portRestricted.layers[0]

    @Test(
        "is predicted, whether the server has one address or two, on either side and on both",
        arguments: [1, 2], [PortAllocation.sequential(delta: 1), .preserving, .random])
    func predicted(addressCount: Int, allocation: PortAllocation) throws {
        let dependent = Self.box(allocation)
        for seed in 1...UInt64(2) {
            for (a, b) in [(dependent, Self.home), (Self.home, dependent), (dependent, dependent)] {
                // Where both draw from all ports nothing is to be gained.
                if allocation == .random, a == b { continue }
                let report = try Self.dial(a, b, addressCount: addressCount, seed: seed)
                #expect(report?.route == .direct && report?.rounds ?? 0 > 0, "\(a == dependent), \(b == dependent): \(String(describing: report))")
            }
        }
    }

    @Test("is not suspected of a NAT that keeps a port of its own choice for every address", arguments: [1, 2])
    func suspected(addressCount: Int) throws {
        let cone = NATPreset.randomCone.layers[0]
        for (a, b) in [(cone, Self.home), (Self.home, cone), (cone, cone)] {
            let report = try Self.dial(a, b, addressCount: addressCount, seed: 7)
            #expect(report?.route == .direct && report?.rounds == 0, "\(String(describing: report))")
        }
    }
}
