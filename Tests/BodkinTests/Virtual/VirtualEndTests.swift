import BodkinCore
import BodkinEmulation
import BodkinVirtualNetwork
import NIOCore
import Testing

@testable import Bodkin

/// Peers that end in the middle of a dial, in virtual time.
@Suite("Virtual dials whose peers end")
struct VirtualEndTests {
    @Test(
        "the last words of a connection have arrived after two round trips, and then nobody waits for them",
        arguments: [Peer.PathPolicy.all, .relayOnly])
    func lastWords(_ paths: Peer.PathPolicy) throws {
        let link = LinkParameters(delay: .milliseconds(10))
        let dial = try VirtualDial(.pair(.portRestricted, .portRestricted, link: link, seed: 1), a: { $0.paths = paths }, b: { $0.paths = paths })
        #expect(dial.register())
        let record = try #require(dial.dial().connection?.recordHere)
        record.driver.abort(code: 1, reason: "enough")
        let start = dial.network.now
        var end: Instant?
        dial.a.engine.remotes.drainPaths(within: .seconds(5)).assumeIsolated().whenComplete { _ in end = dial.network.now }
        dial.network.run(for: .seconds(6))
        let time = try #require(end) - start
        #expect(time <= .milliseconds(100), "\(time)")
    }

    @Test(
        "a peer whose program is killed is looked for for ten seconds, and one that falls silent for a minute, whichever end it is",
        arguments: ["a", "b"], [true, false])
    func killed(_ name: String, isKilled: Bool) throws {
        let dial = try VirtualDial(.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1))
        #expect(dial.register())
        #expect(dial.dial().report?.route == .direct)
        dial.network.run(for: .seconds(20))
        let (gone, other) = name == "a" ? (dial.a, dial.b) : (dial.b, dial.a)
        if isKilled { gone.host.killProgram() } else { gone.host.cutPower() }
        let start = dial.network.now
        #expect(dial.network.run(atMost: .seconds(200)) { other.told.contains { if case .closed = $0.kind { true } else { false } } })
        let time = dial.network.now - start
        #expect(isKilled ? (.seconds(5)...(.seconds(11))).contains(time) : time >= .seconds(60), "\(time)")
    }

    @Test("a peer that ends while it is dialed, or dials, at whatever millisecond, leaves no connection on either host", arguments: [true, false])
    func end(endsNear: Bool) throws {
        for milliseconds in stride(from: 0, through: 120, by: 2) {
            let dial = try VirtualDial(.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1))
            #expect(dial.register())
            let call = dial.a.connect(to: dial.b.id)
            dial.network.run(for: .milliseconds(milliseconds))
            (endsNear ? dial.a : dial.b).engine.close()
            dial.network.run(for: .milliseconds(200))
            (endsNear ? dial.b : dial.a).engine.close()
            #expect(dial.network.run(atMost: .seconds(1)) { call.result != nil }, "after \(milliseconds) ms the dial is not over")
            // TIME_WAIT lasts for a minute.
            dial.network.run(for: .seconds(130))
            #expect([dial.a, dial.b].map(\.host.connectionCount) == [0, 0], "ended after \(milliseconds) ms")
        }
    }
}
