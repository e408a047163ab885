import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

/// A server of several addresses, some of which are dead.
@Suite("The addresses of a server are raced")
struct AddressRaceTests {
    /// Where an address of the server's name leads.
    enum Place: Character, CaseIterable {
        case live = "L"
        /// Nothing answers.
        case silent = "S"
        /// A host that refuses.
        case refusing = "R"
    }

    static let orders = ["L", "LS", "SL", "RL", "SSL", "SRL", "RRSL", "SSSL"]

    @Test("the first address that works is used: 250 ms after each silent one before it, and at once after a refusal", arguments: orders)
    func order(_ order: String) throws {
        let network = VirtualNetwork(.pair(.open, .portRestricted, link: LinkParameters(delay: .milliseconds(25)), seed: 3))
        let server = try VirtualServer(on: network, identity: .create())
        var url = server.url
        let port = url.hosts[0].port
        let other = network.host("a").addresses[0]
        url.hosts = order.enumerated().map { index, place in
            switch Place(rawValue: place) {
            case .refusing?: .init("\(other)", port + UInt16(index) + 1)
            case .silent?: .init("203.0.113.\(200 + index)", port)
            case .live?, nil: .init(server.url.hosts[0].name, port)
            }
        }
        let peer = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: url)
        let start = network.now
        #expect(network.run(atMost: .seconds(10)) { peer.isRegistered })
        let before = order.prefix { $0 != "L" }
        // A refusal takes a round trip; a silent address costs 250 ms, however many refuse meanwhile.
        let (silent, refusing) = (before.count { $0 == "S" }, before.count { $0 == "R" })
        let limit = Duration.milliseconds(250 * silent + 50 * refusing + 50 * 4 + 10)
        #expect(network.now - start <= limit, "\(network.now - start), \(limit)")
        #expect(peer.engine.link?.route?.endpoint == Endpoint(try #require(IPAddress(server.url.hosts[0].name)), port))
        // The NAT binding leads where the server is, and a lost link goes there first.
        network.run(for: .seconds(3))
        #expect(peer.engine.bindings.compactMap(\.observed).count == 1)
        #expect(peer.engine.serverRoutes.first?.endpoint == peer.engine.link?.route?.endpoint)
    }

    @Test("families take turns, beginning with the one that the system prefers (RFC 8305 section 4)")
    func families() throws {
        func routes(_ addresses: [String]) throws -> [ServerRoute] {
            try addresses.map { ServerRoute(endpoint: Endpoint(try #require(IPAddress($0)), 1), name: "x") }
        }
        for (given, expected) in [
            (["192.0.2.1", "192.0.2.2", "2001:db8::1"], ["192.0.2.1", "2001:db8::1", "192.0.2.2"]),
            (["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"], ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2"]),
            (["192.0.2.2", "192.0.2.1"], ["192.0.2.2", "192.0.2.1"]),
        ] { #expect(try routes(given).interleaved == routes(expected)) }
    }
}
