import BodkinCore
import BodkinEmulation
import BodkinExercise
import BodkinProtocols
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

/// NATs that forget at the wrong moment, in virtual time.
@Suite("Virtual dials behind forgetful NATs")
struct VirtualForgetfulTests {
    /// Ends the connection to the server that keeps a host's reserved port mapped.
    private static func forget(_ host: String, in dial: VirtualDial) throws {
        let server = Endpoint(dial.network.host("server").addresses[0], dial.server.url.stunPort)
        try dial.network.apply(.reset(host, remote: server))
    }

    /// The remote peer's box, and whether it forgets, too.
    static let others: [(NATPreset, Bool)] = [
        (.portRestrictedRST, false), (.portRestrictedRST, true), (.portRestricted, false), (.portRestrictedICMP, false), (.rstKills, false),
        (.open, false),
    ]

    @Test("a NAT that forgets a whole mapping at the first RST is met directly all the same, in both directions", arguments: others, [true, false])
    func mapping(_ other: (NATPreset, Bool), _ dials: Bool) throws {
        let presets: [NATPreset] = dials ? [.portRestrictedRST, other.0] : [other.0, .portRestrictedRST]
        for seed in 1...UInt64(3) {
            var topology = Topology.pair(presets[0], presets[1], link: LinkParameters(delay: .milliseconds(25)), seed: seed)
            for box in [dials ? "nat-a" : "nat-b"] + (other.1 ? [dials ? "nat-b" : "nat-a"] : []) {
                topology.updateBox(box) { $0.parameters.resetEffect = .mapping(after: .zero) }
            }
            let dial = try VirtualDial(topology)
            #expect(dial.register())
            dial.network.run(for: .milliseconds(200))
            let call = dial.dial()
            #expect(call.report?.route == .direct, "seed \(seed): \(String(describing: call.report)) \(String(describing: call.error))")
        }
    }

    @Test("volleys are fired also after both sides have another port")
    func volleys() throws {
        // One side fires 60 ms after the other one, and both NATs answer RST and forget at one: two single SYNs would miss each other every time.
        let cell = try #require(PeerCell.places.first { $0.name.contains("RST kills both sides' sessions") })
        let dial = try VirtualDial(cell.topology(LinkParameters(delay: .milliseconds(25)), 1))
        #expect(dial.register())
        for (host, peer) in [("a", dial.a), ("b", dial.b)] {
            #expect(dial.network.run(atMost: .seconds(5)) { !peer.observed.isEmpty })
            let before = peer.observed
            try Self.forget(host, in: dial)
            #expect(dial.network.run(atMost: .seconds(40)) { !peer.observed.isEmpty && peer.observed != before }, "\(host)")
        }
        let call = dial.a.connect(to: dial.b.id)
        // Without bursts the two may meet by luck, once the instants are seconds apart.
        #expect(dial.network.run(atMost: .seconds(3)) { call.report?.route == .direct }, "\(String(describing: call.report))")
    }

    @Test("ports are searched for also where the side that is to be found has lost its mapping at the Meet, and has another one soon")
    func lostAtMeet() throws {
        // The new mapping takes two round trips, the remote forecast is there before.
        var topology = Topology(seed: 1)
        topology.addServer()
        topology.addHost("a", behind: .portRestricted, link: LinkParameters(delay: .milliseconds(100)))
        topology.addHost("b", behind: .symmetricRandom, link: LinkParameters(delay: .milliseconds(5)))
        let dial = try VirtualDial(topology)
        #expect(dial.register() && dial.network.run(atMost: .seconds(5)) { !dial.a.observed.isEmpty })
        let before = dial.a.observed
        // It hits the question that every Meet begins with.
        try Self.forget("a", in: dial)
        let call = dial.b.connect(to: dial.a.id)
        #expect(dial.network.run(atMost: .seconds(40)) { call.isSettled })
        #expect(call.report?.rounds ?? 0 > 0, "\(String(describing: call.report))")
        #expect(dial.network.run(atMost: .seconds(20)) { dial.a.observed != before })
    }

    @Test("the time after which NATs forget is found out, and a connection that was idle for longer answers at once")
    func idle() throws {
        var topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1)
        for box in topology.boxes { topology.updateBox(box.name) { $0.parameters.timeouts.established = .seconds(10) } }
        for wait in [45, 100, 300] {
            let dial = try VirtualDial(topology)
            #expect(dial.register())
            let call = dial.dial()
            let connection = try #require(call.connection)
            #expect(call.report?.route == .direct)
            dial.network.run(for: .seconds(wait))
            let before = call.report?.pathDeaths ?? 0
            let talk = VirtualTalk(dial, on: connection)
            #expect(talk.run(atMost: .seconds(3)) { talk.echoed > 0 }, "after \(wait) s")
            // The search has cost a path or two, while nobody used them; it may be just at it.
            #expect(before <= 4 && call.report?.pathDeaths ?? 0 <= before + 1, "after \(wait) s: \(before)")
        }
    }
}

extension VirtualPeer {
    /// What the server saw when it knew the peer.
    var observed: [Endpoint] { told.lazy.compactMap { if case .registered(let endpoints) = $0.kind { endpoints } else { nil } }.last ?? [] }
}
