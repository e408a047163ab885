import BodkinCore
import BodkinIdentity
import Testing

@testable import BodkinServer

@Suite("A server whose peers are hidden")
struct HiddenSourcesTests {
    private static let peers = (try? (0..<4).map { _ in try Identity.create().peerID }) ?? []

    /// What the server says of peers that come from these addresses in turn.
    private static func told(_ addresses: [String], hosts: [String] = ["rendezvous.example"]) -> [Bool] {
        var sources = HiddenSources(hosts: hosts)
        return zip(peers, addresses).compactMap { peer, text in IPAddress(text).map { sources.joined(peer, from: $0) } }
    }

    @Test("says so once, when three have come from one private address and none from another one")
    func hidden() {
        let proxy = "172.17.0.1"
        #expect(Self.told([proxy, proxy, proxy, proxy]) == [false, false, true, false])
        #expect(Self.told(["127.0.0.1", "127.0.0.1", "127.0.0.1"]) == [false, false, true])
        var same = HiddenSources(hosts: ["rendezvous.example"])
        #expect(!(0..<9).contains { _ in IPAddress(proxy).map { same.joined(Self.peers[0], from: $0) } == true })
    }

    @Test("says nothing where any peer is seen, or where the server is for this machine alone")
    func seen() {
        #expect(!Self.told(["203.0.113.1", "172.17.0.1", "172.17.0.1", "172.17.0.1"]).contains(true))
        #expect(!Self.told(["172.17.0.1", "172.17.0.1", "203.0.113.1", "172.17.0.1"]).contains(true))
        #expect(!Self.told(["192.168.1.2", "192.168.1.3", "192.168.1.4", "192.168.1.4"]).contains(true))
        for hosts in [["127.0.0.1"], ["localhost", "::1"]] {
            #expect(!Self.told(["127.0.0.1", "127.0.0.1", "127.0.0.1"], hosts: hosts).contains(true))
        }
    }
}
