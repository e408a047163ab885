import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

/// Whole dials in virtual time: two peers, the server, and the NATs between.
@Suite("Virtual dials")
struct VirtualDialTests {
    /// Each way takes 25 ms: to the server, and to the remote peer. The OPEN of the direct path goes out before the one of the circuit is answered, and chooses the path.
    @Test("two peers behind home routers are connected after two round trips, and direct after four")
    func first() throws {
        let link = LinkParameters(delay: .milliseconds(25))
        let network = VirtualNetwork(.pair(.portRestricted, .portRestricted, link: link, seed: 1))
        let server = try VirtualServer(on: network, identity: .create())
        let a = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url)
        let b = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url)
        #expect(network.run(atMost: .seconds(5)) { a.isRegistered && b.isRegistered })
        let call = a.connect(to: b.id)
        #expect(network.run(atMost: .seconds(5)) { call.report?.route == .direct })
        let report = try #require(call.report)
        #expect(try #require(report.timeToFirstPath) <= .milliseconds(101))
        #expect(try #require(report.timeToDirect) <= .milliseconds(201))
        #expect(report.attempts.contains { $0.route == .direct && $0.shots == 1 && $0.verdict == .succeeded })
    }
}
