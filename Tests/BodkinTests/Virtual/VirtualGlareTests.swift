import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinProtocols
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

/// Two peers that dial each other at once, over ways of many lengths, in virtual time.
@Suite("Virtual glare")
struct VirtualGlareTests {
    private static let identities = Result { try [Identity.create(), .create(), .create()].sorted { $0.peerID < $1.peerID } }

    /// The way from each of the two to the rest differs from seed to seed, and with it whose dial is where when.
    private static func topology(_ random: inout SeededGenerator, _ seed: UInt64) -> Topology {
        var topology = Topology(seed: seed)
        topology.addServer()
        for host in ["a", "b"] {
            topology.addHost(host, behind: .portRestricted, link: LinkParameters(delay: .milliseconds(Int64.random(in: 0...15, using: &random))))
        }
        return topology
    }

    @Test("leads to one session, the same at both ends, and direct", arguments: [.all, .directOnly] as [Peer.PathPolicy], 0..<4)
    func both(_ paths: Peer.PathPolicy, _ shard: Int) throws {
        let identities = try Self.identities.get()
        for seed in UInt64(shard * 10)..<UInt64(shard * 10 + 10) {
            var random = SeededGenerator(seed: seed)
            let network = VirtualNetwork(Self.topology(&random, seed))
            let server = try VirtualServer(on: network, identity: identities[2])
            let peers = try zip(["a", "b"], seed % 2 == 0 ? [0, 1] : [1, 0]).map { host, number in
                try VirtualPeer(on: host, of: network, identity: identities[number], rendezvous: server.url) { $0.paths = paths }
            }
            #expect(network.run(atMost: .seconds(5)) { peers.allSatisfy(\.isRegistered) })
            let headStart = Duration.milliseconds(Int64.random(in: 0...20, using: &random))
            let first = peers[0].connect(to: peers[1].id)
            network.run(for: headStart)
            let second = peers[1].connect(to: peers[0].id)
            let isDirect = network.run(atMost: .seconds(30)) { [first, second].allSatisfy { $0.report?.route == .direct } }
            #expect(isDirect, "seed \(seed): \(String(describing: (first.error, second.error)))")
            #expect(first.session != nil && first.session == second.session, "seed \(seed)")
            #expect(peers.map(\.connectionCount) == [1, 1], "seed \(seed)")
        }
    }

    @Test("a peer that is not let in, but is dialed at the same time, has the other one's connection")
    func notLetIn() throws {
        let identities = try Self.identities.get()
        // The way to the lower one is long: the other's dial is there before the answer to its own.
        var topology = Topology(seed: 1)
        topology.addServer()
        topology.addHost("a", behind: .portRestricted, link: LinkParameters(delay: .milliseconds(50)))
        topology.addHost("b", behind: .portRestricted)
        let network = VirtualNetwork(topology)
        let server = try VirtualServer(on: network, identity: identities[2])
        let lower = try VirtualPeer(on: "a", of: network, identity: identities[0], rendezvous: server.url)
        let higher = try VirtualPeer(on: "b", of: network, identity: identities[1], rendezvous: server.url) { $0.admission = .nobody }
        #expect(network.run(atMost: .seconds(5)) { lower.isRegistered && higher.isRegistered })
        let calls = [higher.connect(to: lower.id), lower.connect(to: higher.id)]
        #expect(network.run(atMost: .seconds(10)) { calls.allSatisfy { $0.result != nil } })
        #expect(calls[0].session != nil && calls[0].session == calls[1].session, "\(calls.map { String(describing: $0.error) })")
    }
}
