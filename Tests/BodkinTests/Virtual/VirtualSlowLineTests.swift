import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

/// Lines of satellites, of mobile networks at their edge, and of modems, in virtual time: every timeout follows the measured round trip.
@Suite("Virtual dials over slow lines")
struct VirtualSlowLineTests {
    struct Line: CustomTestStringConvertible {
        let testDescription: String
        let link: LinkParameters
        /// How long registering and dialing may take.
        let limit: Duration
        /// The most packets that all hosts send meanwhile.
        let packets: Int
        /// Whether the path is direct as soon after that.
        var isDirect = true
    }

    static let lines = [
        Line(
            testDescription: "16 kbit/s", link: LinkParameters(delay: .milliseconds(50), rate: 16_000, queue: 16_384), limit: .seconds(20),
            packets: 400),
        Line(
            testDescription: "32 kbit/s", link: LinkParameters(delay: .milliseconds(50), rate: 32_000, queue: 16_384), limit: .seconds(10),
            packets: 300),
        Line(
            testDescription: "a round trip of 2 s with jitter and 5 % loss",
            link: LinkParameters(delay: .seconds(1), jitter: .milliseconds(200), loss: 0.05), limit: .seconds(30), packets: 500,
            isDirect: false),
        Line(testDescription: "a round trip of 5 s", link: LinkParameters(delay: .milliseconds(2500)), limit: .seconds(30), packets: 1_000),
        Line(testDescription: "a round trip of 8 s", link: LinkParameters(delay: .seconds(4)), limit: .seconds(60), packets: 1_500, isDirect: false),
    ]

    @Test("both register and connect, and no packets but theirs fill the line", arguments: lines, 1...3)
    func dial(_ line: Line, _ seed: Int) throws {
        let network = VirtualNetwork(.pair(.portRestricted, .portRestricted, link: line.link, seed: UInt64(seed)))
        let server = try VirtualServer(on: network, identity: .create())
        let a = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url) { $0.dialTimeout = line.limit }
        let b = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url)
        #expect(network.run(atMost: line.limit) { a.isRegistered && b.isRegistered })
        network.run(for: .seconds(5))
        let call = a.connect(to: b.id)
        network.run(atMost: line.limit + .seconds(1)) { call.result != nil }
        #expect(call.connection != nil, "\(String(describing: call.error))")
        #expect(network.counters.sent <= line.packets)
        let driver = try #require(call.connection?.recordHere?.driver)
        #expect(!line.isDirect || network.run(atMost: line.limit) { driver.activePath?.kind == .tcp })
    }

    @Test("an idle direct path lasts, whatever its NATs and the server are asked meanwhile", arguments: [32_000, 64_000, 256_000], 1...3)
    func idle(_ rate: Int, _ seed: Int) throws {
        let link = LinkParameters(delay: .milliseconds(50), rate: rate, queue: 16_384)
        let network = VirtualNetwork(.pair(.portRestricted, .portRestricted, link: link, seed: UInt64(seed)))
        let server = try VirtualServer(on: network, identity: .create())
        let a = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url)
        let b = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url)
        #expect(network.run(atMost: .seconds(20)) { a.isRegistered && b.isRegistered })
        network.run(for: .seconds(5))
        let call = a.connect(to: b.id)
        #expect(network.run(atMost: .seconds(60)) { call.connection?.recordHere?.driver.activePath?.kind == .tcp })
        let record = try #require(call.connection?.recordHere)
        network.run(for: .seconds(300))
        #expect(record.driver.activePath?.kind == .tcp && record.report.pathDeaths == 0)
    }
}
