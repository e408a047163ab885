import BodkinCore
import BodkinIdentity
import BodkinNATLab
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import NIOCore
import Testing

@testable import Bodkin

/// Sessions of one remote peer, and what is kept for those that no application uses: in virtual time.
@Suite("Sessions share their places and the memory of a peer")
struct SessionShareTests {
    private static func withPair(_ body: (VirtualNetwork, VirtualPeer, VirtualPeer, SessionRecord) throws -> Void) throws {
        let network = VirtualNetwork(.pair(.open, .portRestricted, link: LinkParameters(delay: .milliseconds(5)), seed: 1))
        let server = try VirtualServer(on: network, identity: .create())
        let called = try VirtualPeer(on: "a", of: network, identity: .create(), rendezvous: server.url)
        let dialer = try VirtualPeer(on: "b", of: network, identity: .create(), rendezvous: server.url)
        try #require(network.run(atMost: .seconds(5)) { called.isRegistered && dialer.isRegistered })
        let call = dialer.connect(to: called.id)
        try #require(network.run(atMost: .seconds(5)) { call.report?.route == .direct })
        try body(network, called, dialer, try #require(called.engine.remotes.records.first))
    }

    @Test("a session has the smallest window until the application uses it, and the configured one then")
    func window() throws {
        try Self.withPair { network, called, dialer, record in
            let sender = try #require(dialer.engine.remotes.records.first?.driver)
            var piece = ByteBuffer(repeating: 1, count: 1 << 20)
            sender.writeNow(&piece, to: .initial)
            for _ in 0..<20 {
                sender.writeNow(&piece, to: .initial)
                network.run(for: .milliseconds(50))
            }
            #expect(record.driver.unreadByteCount == ReceiveBudget.smallestWindow)
            var count = 0
            for _ in 0..<200 where count < 1 << 20 {
                if case .success(let bytes?)? = record.driver.readNow(.initial, limit: 1 << 20) { count += bytes.readableBytes }
                sender.writeNow(&piece, to: .initial)
                network.run(for: .milliseconds(20))
            }
            #expect(count == 1 << 20)
            let left = called.engine.remotes.receiveBudget.left
            record.driver.fail("over")
            network.run(for: .seconds(1))
            #expect(
                called.engine.remotes.receiveBudget.left >= left + called.engine.configuration.session.connectionWindow - ReceiveBudget.smallestWindow
            )
        }
    }

    @Test("of the sessions of one remote peer the oldest goes that no application uses; if all are used, the next one is refused")
    func share() throws {
        try Self.withPair { network, called, dialer, record in
            let remote = called.engine.remotes[dialer.id]
            /// Another process of the dialer's, as far as this peer can see.
            func begin() -> SessionRecord {
                let session = Session(
                    role: .called, id: .random(), localInstance: called.engine.instance, remoteInstance: .random(),
                    window: ReceiveBudget.smallestWindow)
                let driver = SessionDriver(session, peer: dialer.id, on: network.loop)
                network.run(for: .milliseconds(1))
                return remote.adopt(driver, report: ConnectionReport(peer: dialer.id), start: called.engine.eventLoop.now, kind: .tcp)
            }
            record.driver.use()
            let limit = Peer.connectionLimitOfOnePeer
            let others = (1..<limit).map { _ in begin() }
            #expect(called.engine.remotes.records.count == limit)
            #expect(called.engine.remotes.hasRoomForSession(of: dialer.id))
            let next = begin()
            #expect(called.engine.remotes.records.count == limit)
            #expect(others[0].driver.closeReason != nil && record.driver.closeReason == nil && next.driver.closeReason == nil)
            // Another remote peer is not concerned.
            #expect(called.engine.remotes.hasRoomForSession(of: called.id))
        }
    }
}
