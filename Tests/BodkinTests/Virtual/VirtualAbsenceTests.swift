import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import Testing

@testable import Bodkin

/// Dials to a listener that is not there yet, is replaced, or cannot be heard, in virtual time.
@Suite("Virtual dials to a listener that is absent")
struct VirtualAbsenceTests {
    /// A network of two hosts and a server, with one identity for each host.
    private struct Place {
        let network = VirtualNetwork(.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1))
        let server: VirtualServer
        /// In the order of their peer IDs.
        let identities: [Identity]

        init() throws {
            server = try VirtualServer(on: network, identity: .create())
            identities = try [Identity.create(), .create()].sorted { $0.peerID < $1.peerID }
        }

        func peer(on host: String, _ number: Int, _ change: (inout Peer.Configuration) -> Void = { _ in }) throws -> VirtualPeer {
            try VirtualPeer(on: host, of: network, identity: identities[number], rendezvous: server.url, change)
        }

        /// Peers on both hosts, at rest.
        func peers(near change: (inout Peer.Configuration) -> Void = { _ in }) throws -> (near: VirtualPeer, far: VirtualPeer) {
            let (near, far) = (try peer(on: "a", 0, change), try peer(on: "b", 1))
            #expect(network.run(atMost: .seconds(5)) { near.isRegistered && far.isRegistered })
            network.run(for: .seconds(1))
            return (near, far)
        }

        /// Waits until a dial is direct.
        func expectDirect(_ call: VirtualCall, _ comment: Comment? = nil) {
            let isDirect = network.run(atMost: .seconds(35)) { call.report?.route == .direct }
            #expect(isDirect, "\(comment ?? ""): \(String(describing: call.report)), \(String(describing: call.error))")
        }
    }

    @Test(
        "a listener that starts three seconds after the dial is reached as soon as it is registered", arguments: [Peer.PathPolicy.all, .directOnly])
    func startsLater(_ paths: Peer.PathPolicy) throws {
        let place = try Place()
        let near = try place.peer(on: "a", 0) { $0.paths = paths }
        #expect(place.network.run(atMost: .seconds(5)) { near.isRegistered })
        let call = near.connect(to: place.identities[1].peerID)
        place.network.run(for: .seconds(3))
        #expect(call.result == nil)
        let far = try place.peer(on: "b", 1)
        #expect(place.network.run(atMost: .seconds(5)) { far.isRegistered })
        #expect(place.network.run(atMost: .milliseconds(300)) { call.connection != nil }, "\(String(describing: call.error))")
        place.expectDirect(call)
    }

    @Test("a listener that is replaced by another instance while it is dialed is reached at the new one")
    func replaced() throws {
        let place = try Place()
        let (near, first) = try place.peers()
        // The Meet never reaches it.
        try place.network.apply(.blackhole("b", isUpward: false, .seconds(1)))
        let call = near.connect(to: first.id)
        place.network.run(for: .milliseconds(500))
        first.engine.close()
        place.network.run(for: .milliseconds(600))
        let second = try place.peer(on: "b", 1)
        place.expectDirect(call)
        #expect(first.connectionCount == 0 && second.connectionCount == 1)
    }

    @Test("a listener whose answer is lost with its link is met again, though it knows the attempt")
    func unanswered() throws {
        let place = try Place()
        let (near, far) = try place.peers()
        try place.network.apply(.blackhole("b", isUpward: true, .seconds(5)))
        place.expectDirect(near.connect(to: far.id))
    }

    @Test(
        "a meeting that one side alone knows of begins anew when the server is back, without a circuit, too",
        arguments: [Peer.PathPolicy.all, .directOnly])
    func meetingOfOne(_ paths: Peer.PathPolicy) throws {
        let place = try Place()
        let (near, far) = try place.peers { $0.paths = paths }
        // The Meet does not reach the listener before the server is gone.
        try place.network.apply(.blackhole("b", isUpward: false, .seconds(3)))
        let call = near.connect(to: far.id)
        place.network.run(for: .milliseconds(300))
        // Without a circuit nothing is sent to the server during a meeting: a server that falls silent could otherwise have dials begin again and again.
        place.server.crash(isPowerCut: paths == .all)
        place.network.run(for: .seconds(1))
        try place.server.start()
        place.expectDirect(call)
    }

    @Test("a dial that begins while the server is away waits for it, and for the listener that has lost it, too")
    func serverAway() throws {
        for milliseconds in stride(from: 0, through: 3_000, by: 250) {
            let place = try Place()
            let (near, far) = try place.peers()
            place.server.crash()
            place.network.run(for: .milliseconds(milliseconds))
            let call = near.connect(to: far.id)
            place.network.run(for: .seconds(1))
            try place.server.start()
            place.expectDirect(call, "\(milliseconds) ms after the server")
        }
    }

    @Test("a dial that was sent to nobody goes on over the next link to the server")
    func sentToNobody() throws {
        let place = try Place()
        let (near, far) = try place.peers()
        try place.network.apply(.blackhole("a", isUpward: true, .seconds(30)))
        let call = near.connect(to: far.id)
        #expect(place.network.run(atMost: .seconds(20)) { near.told.contains { if case .serverLost = $0.kind { true } else { false } } })
        try place.network.apply(.blackhole("a", isUpward: true, .zero))
        place.expectDirect(call)
        #expect(near.told.count { if case .dialing = $0.kind { true } else { false } } == 1)
        #expect(call.report?.attempts.contains { $0.route == .circuit && $0.verdict == .failed } == true, "\(String(describing: call.report))")
    }

    @Test("a peer that is registered and never answers fails at the caller's timeout as one that does not answer")
    func silent() throws {
        let place = try Place()
        let (near, far) = try place.peers { $0.dialTimeout = .seconds(5) }
        for isUpward in [true, false] { try place.network.apply(.blackhole("b", isUpward: isUpward, .seconds(20))) }
        let start = place.network.now
        let call = near.connect(to: far.id)
        #expect(place.network.run(atMost: .seconds(10)) { call.result != nil })
        let error = call.error as? PeerError
        #expect(error?.code == .unresponsive && error?.message.contains("does not answer") == true, "\(String(describing: error))")
        #expect((.milliseconds(4_500) ... .seconds(5)).contains(place.network.now - start), "\(place.network.now - start)")
    }

    @Test("a listener whose NAT rebooted a second before is reached by a circuit alone, too")
    func rebooted() throws {
        let place = try Place()
        let (near, far) = try place.peers { $0.paths = .relayOnly }
        try place.network.apply(.reboot("b"))
        place.network.run(for: .seconds(1))
        let call = near.connect(to: far.id)
        #expect(place.network.run(atMost: .seconds(20)) { call.report?.route == .circuit }, "\(String(describing: call.error))")
    }

    @Test("two that dial each other while one is away have one connection", arguments: [Peer.Admission.anyone, .nobody], [0, 1])
    func glare(_ admission: Peer.Admission, _ waiting: Int) throws {
        let place = try Place()
        // One that admits nobody is dialed in vain: its own dial is the one that goes through.
        let near = try place.peer(on: "a", waiting) { $0.admission = admission }
        #expect(place.network.run(atMost: .seconds(5)) { near.isRegistered })
        let first = near.connect(to: place.identities[1 - waiting].peerID)
        place.network.run(for: .seconds(1))
        let far = try place.peer(on: "b", 1 - waiting)
        let second = far.connect(to: near.id)
        #expect(place.network.run(atMost: .seconds(3)) { first.result != nil && second.result != nil })
        #expect(first.session != nil && first.session == second.session, "\(String(describing: (first.error, second.error)))")
    }
}

extension VirtualCall {
    /// The session of the connection, by which two ends know that they have the same one.
    var session: SessionID? { connection?.recordHere?.driver.id }
}

extension VirtualPeer {
    /// How many connections the peer has told of, those that others began among them.
    var connectionCount: Int { told.count { if case .connected = $0.kind { true } else { false } } }
}
