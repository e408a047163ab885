import BodkinCore
import BodkinEmulation
import Testing

@testable import Bodkin

/// Peers that end in the middle of a dial, in virtual time.
@Suite("Virtual dials whose peers end")
struct VirtualEndTests {
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
