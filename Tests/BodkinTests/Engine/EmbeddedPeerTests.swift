import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinProtocols
import BodkinVirtualNetwork
import NIOEmbedded
import Testing

@testable import Bodkin

@Suite("A peer on an event loop that its owner turns")
struct EmbeddedPeerTests {
    /// A peer in a network without a server: each dial waits.
    private func peer(on network: VirtualNetwork) throws -> EmbeddedPeer {
        let place = network.host("server").addresses[0]
        let url = RendezvousURL(hosts: [.init("\(place)", 4433)], keyHash: [UInt8](repeating: 1, count: 32), token: nil)
        var configuration = Peer.Configuration(identity: try .create(), rendezvous: url)
        configuration.system = network.host("a")
        configuration.profilesNetwork = false
        return try EmbeddedPeer(configuration, on: network.loop)
    }

    @Test("the call that gives up is the earliest one to its peer", arguments: [0, 1, 2])
    func cancelDial(_ cancelled: Int) throws {
        let network = VirtualNetwork(.pair(.portRestricted, .open, link: LinkParameters(delay: .milliseconds(10)), seed: 1))
        let peer = try peer(on: network)
        let targets = try (0..<3).map { _ in try Identity.create().peerID }
        for target in targets { peer.connect(to: target) }
        network.run(for: .milliseconds(50))
        #expect(peer.inventory.remotes == 3)
        peer.cancelDial(to: targets[cancelled])
        network.run(for: .milliseconds(50))
        #expect(peer.inventory.remotes == 2)
        // A second call to the same peer keeps the dial.
        let other = targets[(cancelled + 1) % 3]
        peer.connect(to: other)
        peer.cancelDial(to: other)
        #expect(peer.inventory.remotes == 2)
        peer.cancelDial(to: other)
        network.run(for: .milliseconds(50))
        #expect(peer.inventory.remotes == 1)
        // Nobody waits for it: nothing happens.
        peer.cancelDial(to: other)
        #expect(peer.inventory.remotes == 1)
        peer.close()
        try network.close()
    }
}
