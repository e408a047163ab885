import BodkinCore
import BodkinIdentity
import BodkinNATLab
import Testing

@testable import Bodkin

/// Whole dials in virtual time: two peers, the server, and the NATs between.
@Suite("Virtual dials")
struct VirtualDialTests {
    @Test("two peers behind home routers are direct after the floor of round trips")
    func first() throws {
        let link = LinkParameters(delay: .milliseconds(25))
        let network = VirtualNetwork(.pair(.portRestricted, .portRestricted, link: link, seed: 1))
        let server = try VirtualServer(on: network, identity: .create())
        let a = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url)
        let b = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url)
        #expect(network.run(atMost: .seconds(5)) { a.isRegistered && b.isRegistered })
        print("registered at", network.now)
        let call = a.connect(to: b.id)
        #expect(network.run(atMost: .seconds(5)) { call.result != nil })
        print("connected at", network.now, call.error as Any)
        #expect(network.run(atMost: .seconds(5)) { call.report?.route == .direct })
        print("direct at", network.now, call.report as Any)
    }
}
