import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinProtocols
import BodkinVirtualNetwork
import FoundationEssentials
import Testing

@testable import Bodkin

/// The remote peers that a peer keeps something of.
@Suite("Remote peers")
struct RemotesTests {
    @Test("a server that names strangers, with a dial's ID or another one, leaves nothing of them behind", arguments: [true, false])
    func strangers(isTaken: Bool) throws {
        let dial = try VirtualDial(.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1))
        dial.b.engine.close()
        let engine = dial.a.engine
        #expect(dial.network.run(atMost: .seconds(5)) { dial.a.isRegistered })
        _ = dial.a.connect(to: dial.b.id)
        dial.network.run(for: .milliseconds(100))
        let own = try #require(engine.remotes[dial.b.id].dials.first)
        for _ in 0..<20 {
            var meet = WireMeet()
            meet.attempt = Data((isTaken ? own.id : .random()).bytes)
            meet.peer = Data(try Identity.create().peerID.publicKey)
            meet.instance = isTaken ? Data(InstanceID.random().bytes) : Data()
            engine.received(meet)
        }
        #expect(Array(engine.remotes.drivers.keys) == [dial.b.id] && engine.remotes.dial(own.id) === own)
    }
}
