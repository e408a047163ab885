import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

/// The budget of half-open connections in whole dials, in virtual time.
@Suite("Dials that share half-open connections")
struct HalfOpenDialTests {
    private static func network() throws -> (VirtualNetwork, VirtualServer) {
        let link = LinkParameters(delay: .milliseconds(12))
        var topology = Topology.pair(.portRestricted, .symmetricRandom, link: link, seed: 3)
        topology.addHost("c", behind: .symmetricRandom, link: link)
        topology.addHost("d", behind: .portRestricted, link: link)
        let network = VirtualNetwork(topology)
        return (network, try VirtualServer(on: network, identity: .create()))
    }

    @Test("while one dial searches, and another one has to wait with its search, a third one meets as it does alone")
    func searches() throws {
        let (network, server) = try Self.network()
        let peers = try ["a", "b", "c", "d"].map { try VirtualPeer(on: $0, of: network, identity: .create(), rendezvous: server.url) }
        network.run(for: .seconds(3))
        let (near, searched, second, home) = (peers[0], peers[1], peers[2], peers[3])
        let calls = [near.connect(to: searched.id), near.connect(to: second.id)]
        // Most of the budget is in use by now.
        #expect(network.run(atMost: .seconds(5)) { near.engine.halfOpen.count(.search) > 700 })
        let meeting = near.connect(to: home.id)
        let start = network.now
        #expect(network.run(atMost: .seconds(5)) { meeting.report?.route == .direct })
        #expect(network.now - start < .milliseconds(400) && meeting.report?.rounds == 0, "\(String(describing: meeting.report))")
        #expect(network.run(atMost: .seconds(10)) { calls.allSatisfy { $0.report?.route == .direct } })
        network.run(for: .seconds(2))
        #expect(near.engine.halfOpen.count(.search) == 0 && near.engine.halfOpen.count(.meet) == 0)
    }

    @Test("a search that the system gives too few descriptors says so, and fires no more than it may")
    func descriptors() throws {
        let (network, server) = try Self.network()
        let near = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url)
        let far = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url)
        network.run(for: .seconds(3))
        network.host("a").connectionLimit = 40
        // None of the few SYNs may meet one of the remote peer by chance: that one has its connection to the server, and no more.
        network.host("b").connectionLimit = 1
        let call = near.connect(to: far.id)
        // Later it would be tried again.
        #expect(network.run(atMost: .seconds(12)) { call.isSettled })
        let details = call.report?.attempts.map(\.detail).joined(separator: "\n") ?? ""
        #expect(details.contains("no file descriptor was free"), "\(String(describing: call.report))")
        #expect(near.engine.halfOpen.count(.search) == 0 && near.engine.halfOpen.count(.meet) == 0)
    }
}
