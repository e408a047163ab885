import BodkinCore
import BodkinEmulation
import BodkinExercise
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

/// A server that invents peers, and says that they are at a third party's address. Who listens and names nobody admits each of them.
@Suite("SYNs at a third party")
struct InventedPeerTests {
    /// How a server goes about it.
    enum Way: CaseIterable {
        /// One peer, with a Meet after the other; each replaces the one before.
        case onePeer
        /// Another peer for each Meet.
        case manyPeers
        /// Another peer for each Meet, and eight ports in each card.
        case manyPorts
        /// The same, and the link to the server is new for every ten.
        case reconnections
    }

    private static func network() throws -> (VirtualNetwork, VirtualServer, VirtualPeer) {
        let link = LinkParameters(delay: .milliseconds(5))
        var topology = Topology.pair(.open, .portRestricted, link: link, seed: 1)
        topology.addHost("third", behind: .open, link: link)
        let network = VirtualNetwork(topology)
        let server = try VirtualServer(on: network, identity: .create())
        let victim = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url)
        try #require(network.run(atMost: .seconds(5)) { victim.isRegistered })
        return (network, server, victim)
    }

    /// Has the victim meet invented peers at the third host for ten seconds.
    private static func attack(_ way: Way, _ network: VirtualNetwork, _ victim: VirtualPeer) throws {
        let address = try #require(network.host("third").addresses.first)
        let one = InventedPeer()
        for number in 0..<200 {
            let invented = way == .onePeer ? one : InventedPeer()
            let count = way == .manyPorts || way == .reconnections ? 8 : 1
            let endpoints = (0..<count).map { Endpoint(address, UInt16(1024 + (number * count + $0) % 60_000)) }
            let engine = victim.engine
            let meet = try invented.meet(at: endpoints, server: engine.serverHash, now: engine.serverTime)
            engine.received(meet)
            if way == .reconnections, number % 10 == 9 {
                engine.link?.discard()
                engine.feedRendezvous(.linkDown(TransportError(.serverUnreachable, "gone"), jitter: 0))
                network.run(atMost: .seconds(5)) { engine.isRegistered }
            }
            network.run(for: .milliseconds(50))
        }
        network.run(for: .seconds(12))
    }

    @Test("invented peers have no more sent there than the share of one address", arguments: Way.allCases)
    func share(_ way: Way) throws {
        let (network, _, victim) = try Self.network()
        try Self.attack(way, network, victim)
        let source = try #require(victim.host.addresses.first)
        let count = network.host("third").requestCounts[source] ?? 0
        // The share of an address, and what comes back of it meanwhile.
        let limit = OutboundGate.strangerLimits.address
        #expect(count > 8 && count <= limit + 2, "\(count) SYNs")
    }

    @Test("afterwards an honest dial has its connection as soon, and its direct path when the circuit has proved the dialer")
    func honest() throws {
        let (network, server, victim) = try Self.network()
        // Invented peers at the honest one's address use up that share.
        let dialer = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url)
        try #require(network.run(atMost: .seconds(5)) { dialer.isRegistered && dialer.engine.observedEndpoint != nil })
        let place = try #require(dialer.engine.observedEndpoint?.address)
        for number in 0..<OutboundGate.strangerLimits.address {
            let endpoint = Endpoint(place, UInt16(2000 + number))
            _ = try? victim.engine.gate.passage(to: endpoint, for: .meet(InventedPeer().peer, .stranger))
        }
        #expect(throws: OutboundGate.Refusal.address) {
            try victim.engine.gate.passage(to: Endpoint(place, 2000), for: .meet(InventedPeer().peer, .stranger))
        }
        let call = dialer.connect(to: victim.id)
        #expect(network.run(atMost: .milliseconds(300)) { call.report?.route == .direct }, "\(String(describing: call.report))")
    }
}
