import BodkinCore
import BodkinEmulation
import BodkinExercise
import BodkinIdentity
import BodkinProtocols
import BodkinVirtualNetwork
import FoundationEssentials
import Testing

@testable import Bodkin

/// One who dials again and again, and never says a word more (t14 of the attacks): in virtual time.
@Suite("Dials of others share their places")
struct CalledShareTests {
    /// How the attacker goes about it.
    enum Way: CaseIterable { case oneKey, manyKeys, manyKeysDirect }

    private static func meet(_ invented: InventedPeer, direct: Bool, at address: IPAddress, _ engine: PeerEngine) throws -> WireMeet {
        var meet = try invented.meet(at: [Endpoint(address, 5000)], server: engine.serverHash, now: engine.serverTime)
        meet.direct = direct
        // A first flight that never goes on.
        meet.early = Data([0x16, 0x03, 0x01, 0x02, 0x00])
        return meet
    }

    @Test("whoever dials all the time keeps nobody out", arguments: Way.allCases)
    func honest(_ way: Way) throws {
        let link = LinkParameters(delay: .milliseconds(5))
        var topology = Topology.pair(.open, .portRestricted, link: link, seed: 1)
        topology.addHost("third", behind: .open, link: link)
        let network = VirtualNetwork(topology)
        let server = try VirtualServer(on: network, identity: .create())
        let victim = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url)
        let dialer = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url)
        try #require(network.run(atMost: .seconds(5)) { victim.isRegistered && dialer.isRegistered })
        let third = try #require(network.host("third").addresses.first)
        let one = InventedPeer()
        for _ in 0..<400 {
            victim.engine.received(try Self.meet(way == .oneKey ? one : InventedPeer(), direct: way == .manyKeysDirect, at: third, victim.engine))
        }
        var count = 0
        victim.engine.remotes.forEachDial { _ in count += 1 }
        #expect(count == (way == .oneKey ? Remotes.calledShare.ofPeer : Remotes.calledShare.ofAll))
        let call = dialer.connect(to: victim.id)
        for _ in 0..<20 where call.report?.route != .direct {
            victim.engine.received(try Self.meet(way == .oneKey ? one : InventedPeer(), direct: way == .manyKeysDirect, at: third, victim.engine))
            network.run(for: .milliseconds(20))
        }
        #expect(call.report?.route == .direct, "\(String(describing: call.error))")
    }
}
