import BodkinCore
import BodkinEmulation
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import NIOCore
import NIOEmbedded
import Testing

@testable import Bodkin

/// Something goes wrong at every step of a dial.
@Suite("Virtual dials with a fault at every step")
struct FaultStepTests {
    /// What goes wrong.
    enum Mishap: String, CaseIterable, Sendable {
        case rebootNear, rebootFar, addressNear, addressFar, serverRestart, serverAway, linkNear, linkFar, glare
        case silenceFromNear, silenceToNear, silenceFromFar, silenceToFar

        /// How long it lasts.
        var outage: Duration {
            switch self {
            case .rebootNear, .rebootFar, .addressNear, .addressFar, .serverRestart, .glare: .zero
            case .linkNear, .linkFar: .seconds(1)
            case .silenceFromNear, .silenceToNear, .silenceFromFar, .silenceToFar: .seconds(2)
            case .serverAway: .seconds(3)
            }
        }

        func strike(_ dial: VirtualDial) throws {
            let network = dial.network
            switch self {
            case .rebootNear: try network.apply(.reboot("a"))
            case .rebootFar: try network.apply(.reboot("b"))
            case .addressNear: try network.apply(.addressChange("a", IPAddress(v4: 0xCB00_71C8)))
            case .addressFar: try network.apply(.addressChange("b", IPAddress(v4: 0xCB00_71C9)))
            case .serverRestart, .serverAway:
                dial.server.crash()
                let server = dial.server
                network.loop.scheduleTask(in: TimeAmount(outage)) { try? server.start() }
            case .linkNear, .linkFar:
                let name = self == .linkNear ? "a" : "b"
                try network.apply(.link(name, isUp: false))
                network.loop.scheduleTask(in: TimeAmount(outage)) { try? network.apply(.link(name, isUp: true)) }
            case .glare: dial.reverse = dial.b.connect(to: dial.a.id)
            case .silenceFromNear: try network.apply(.blackhole("a", isUpward: true, outage))
            case .silenceToNear: try network.apply(.blackhole("a", isUpward: false, outage))
            case .silenceFromFar: try network.apply(.blackhole("b", isUpward: true, outage))
            case .silenceToFar: try network.apply(.blackhole("b", isUpward: false, outage))
            }
        }
    }

    private static let pairs: [(AccessNetwork, AccessNetwork)] = [
        (.preset(.portRestricted), .preset(.portRestricted)), (.preset(.symmetricSequential), .preset(.portRestricted)),
    ]

    @Test("a dial leads to one session that both ends have, becomes direct, and loses no byte", arguments: Mishap.allCases)
    func step(_ mishap: Mishap) throws {
        let stride = mishap == .glare ? 10 : 50
        for (index, (a, b)) in Self.pairs.enumerated() {
            for step in Swift.stride(from: 0, through: 400, by: stride) {
                let seed = UInt64(index * 1000 + step + 1)
                let dial = try VirtualDial(a, b, seed: seed)
                #expect(dial.register())
                dial.network.run(for: .seconds(1))
                let call = dial.a.connect(to: dial.b.id)
                dial.network.run(for: .milliseconds(step))
                let place: Comment = "\(mishap) after \(step) ms, \(a) + \(b)"
                try mishap.strike(dial)
                #expect(dial.network.run(atMost: .seconds(29)) { call.result != nil }, place)
                let connection = try #require(call.connection, "\(place): \(call.error.map { "\($0)" } ?? "")")
                let talk = VirtualTalk(dial, on: connection)
                let isDirect = talk.run(atMost: mishap.outage + .seconds(20)) {
                    connection.recordHere?.driver.activePath?.kind == .tcp && talk.echoed > 0
                }
                #expect(isDirect, place)
                talk.run(for: .milliseconds(500))
                #expect(talk.run(atMost: .seconds(5)) { talk.isWhole }, place)
                #expect(dial.a.engine.remotes.sessionCount == 1 && dial.b.engine.remotes.sessionCount == 1, place)
                if let reverse = dial.reverse {
                    #expect(reverse.connection?.recordHere?.driver.id == dial.b.engine.remotes.records.first?.driver.id, place)
                }
            }
        }
    }

    @Test("two instances of one remote peer have a session each, and a further dial joins the better one")
    func joins() throws {
        // Host c runs another instance of b's identity, which uses circuits alone.
        var topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(25)), seed: 5)
        topology.addHost("c", behind: .portRestricted, link: LinkParameters(delay: .milliseconds(12)))
        let dial = try VirtualDial(topology)
        let other = try VirtualPeer(
            on: "c", of: dial.network, identity: dial.b.engine.configuration.identity, rendezvous: dial.server.url
        ) { $0.paths = .relayOnly }
        #expect(dial.register() && dial.network.run(atMost: .seconds(5)) { other.isRegistered })
        dial.network.run(for: .seconds(1))
        for caller in [dial.b, other] {
            let call = caller.connect(to: dial.a.id)
            #expect(dial.network.run(atMost: .seconds(10)) { call.isSettled })
        }
        dial.network.run(for: .milliseconds(200))
        #expect(dial.a.engine.remotes[dial.b.id].sessions.count == 2)
        let joined = dial.a.connect(to: dial.b.id)
        #expect(dial.network.run(atMost: .seconds(1)) { joined.result != nil })
        #expect(joined.report?.route == .direct)
    }
}
