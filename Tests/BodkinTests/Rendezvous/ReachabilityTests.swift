import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

/// Whole peers in virtual time: how long a listener is away whose NAT has forgotten its connections.
@Suite("An idle listener is reachable again")
struct ReachabilityTests {
    @Test(
        "after its NAT has forgotten its connections, within 10.6 s and eight round trips",
        arguments: [5, 50, 150], [0, 4_000, 25_000])
    func reboot(_ delay: Int, _ idle: Int) throws {
        let link = LinkParameters(delay: .milliseconds(Int64(delay)))
        let network = VirtualNetwork(.pair(.portRestricted, .portRestricted, link: link, seed: 3))
        let server = try VirtualServer(on: network, identity: .create())
        let listener = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url)
        #expect(network.run(atMost: .seconds(5)) { listener.isRegistered })
        network.run(for: .milliseconds(idle))
        let registrations = listener.registrations
        try network.apply(.reboot("b"))
        let start = network.now
        #expect(network.run(atMost: .seconds(40)) { listener.registrations > registrations })
        let time = network.now - start
        #expect(time < .milliseconds(10_600) + .milliseconds(delay * 2) * 8, "\(time)")
        // And by a direct path, too.
        let dialer = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url)
        network.run(for: .seconds(3))
        let call = dialer.connect(to: listener.id)
        #expect(network.run(atMost: .seconds(5)) { call.report?.route == .direct }, "\(call.error as Any)")
    }
}

extension VirtualPeer {
    /// How often the server has taken a card.
    var registrations: Int { told.count { if case .registered = $0.kind { true } else { false } } }
}
