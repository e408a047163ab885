import BodkinCore
import BodkinIdentity
import BodkinNATLab
import BodkinTransport
import BodkinVirtualNetwork
import NIOCore
import Testing

@testable import Bodkin

/// Connections to the reserved port of a peer on the open Internet, in virtual time.
@Suite("floods of the reserved port")
struct InboundFloodTests {
    private static func withPeer(_ body: (VirtualNetwork, VirtualPeer, VirtualServer) throws -> Void) throws {
        let link = LinkParameters(delay: .milliseconds(5))
        var topology = Topology.pair(.open, .portRestricted, link: link, seed: 1)
        topology.addHost("flooder", behind: .open, link: link)
        let network = VirtualNetwork(topology)
        let server = try VirtualServer(on: network, identity: .create())
        let peer = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url)
        try #require(network.run(atMost: .seconds(5)) { peer.isRegistered })
        try body(network, peer, server)
    }

    /// Opens so many connections to a peer, which are kept until it closes them.
    private static func flood(_ network: VirtualNetwork, _ peer: VirtualPeer, count: Int) throws {
        let port = try #require(peer.engine.port?.number)
        let address = try #require(peer.host.addresses.first)
        let gate = Gate(before: network.host("flooder"), servers: [address], on: network.loop)
        for _ in 0..<count {
            _ = gate.connect(to: Endpoint(address, port), within: .seconds(5), readsAtOnce: true, for: .server, configure: { _ in })
            network.run(for: .milliseconds(1))
        }
    }

    @Test("connections that say nothing take no more sockets than the limit, and go after 10 s")
    func sockets() throws {
        try Self.withPeer { network, peer, _ in
            try Self.flood(network, peer, count: 700)
            network.run(for: .milliseconds(100))
            // The peer's end of a connection that it has closed waits in TIME-WAIT, the flooder's is gone.
            #expect(network.host("flooder").connectionCount == InboundPaths.unauthenticatedLimit)
            #expect(network.run(atMost: .seconds(11)) { network.host("flooder").connectionCount == 0 })
        }
    }

    @Test("of 10 000 connections in one turn no more are kept than the limit, and each that goes is closed in that turn")
    func burst() {
        var machine = InboundPaths()
        var (open, most) = (0, 0)
        for number in 0..<10_000 {
            machine.handle(
                .accepted(InboundPaths.ID(number: UInt64(number)), from: Endpoint(IPAddress(v4: 0xCB00_7100 + UInt32(number % 200)), 5000)),
                at: .start)
            open += 1
            while let action = machine.nextAction() { if case .evict = action { open -= 1 } }
            most = max(most, open)
        }
        #expect(most == InboundPaths.unauthenticatedLimit)
        let peer = PeerID(publicKey: [UInt8](repeating: 1, count: 32)) ?? { preconditionFailure("32 bytes are a key") }()
        (open, most) = (0, 0)
        for number in 20_000..<30_000 {
            machine.handle(.authenticated(InboundPaths.ID(number: UInt64(number)), peer), at: .start)
            open += 1
            while let action = machine.nextAction() { if case .evict = action { open -= 1 } }
            most = max(most, open)
        }
        #expect(most == InboundPaths.unopenedLimit)
    }

    @Test("3 000 connections whose SYNs come at one moment take no more sockets than the limit")
    func moment() throws {
        try Self.withPeer { network, peer, _ in
            let address = try #require(peer.host.addresses.first)
            let port = try #require(peer.engine.port?.number)
            let gate = Gate(before: network.host("flooder"), servers: [address], on: network.loop)
            for _ in 0..<3000 {
                _ = gate.connect(to: Endpoint(address, port), within: .seconds(5), readsAtOnce: true, for: .server, configure: { _ in })
            }
            network.run(for: .milliseconds(100))
            #expect(network.host("flooder").connectionCount == InboundPaths.unauthenticatedLimit)
        }
    }

    @Test("a peer that is closed in the middle of a flood leaves no connection")
    func closes() throws {
        try Self.withPeer { network, peer, _ in
            try Self.flood(network, peer, count: 300)
            peer.engine.close()
            #expect(network.run(atMost: .seconds(2)) { network.host("flooder").connectionCount == 0 })
        }
    }

    @Test("a dial goes through while the port is flooded")
    func dial() throws {
        try Self.withPeer { network, peer, server in
            let dialer = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url) { $0.paths = .directOnly }
            try #require(network.run(atMost: .seconds(5)) { dialer.isRegistered })
            try Self.flood(network, peer, count: 300)
            let call = dialer.connect(to: peer.id)
            for _ in 0..<10 where call.report?.route != .direct { try Self.flood(network, peer, count: 100) }
            #expect(call.report?.route == .direct, "\(call.error.map { "\($0)" } ?? "nothing")")
        }
    }
}
