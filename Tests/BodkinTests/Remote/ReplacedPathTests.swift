import BodkinCore
import BodkinProtocols
import NIOCore
import NIOEmbedded
import Testing

@testable import BodkinTransport

/// The loss of a circuit whose successor is chosen, and not yet answered.
@Suite("A path that another one replaces")
struct ReplacedPathTests {
    @Test("is not missed when it ends before the remote peer has answered on its successor; a path without a successor is", arguments: [true, false])
    func loss(_ hasSuccessor: Bool) throws {
        let loop = EmbeddedEventLoop()
        let peers = [UInt8(1), 2].compactMap { PeerID(publicKey: [UInt8](repeating: $0, count: 32)) }
        let (one, two, id) = (InstanceID.random(), InstanceID.random(), SessionID.random())
        let near = SessionDriver(Session(role: .dialer, id: id, localInstance: one, remoteInstance: two), peer: peers[1], on: loop)
        let far = SessionDriver(Session(role: .called, id: id, localInstance: two, remoteInstance: one), peer: peers[0], on: loop)
        let circuit = try VirtualPath(.circuit, delay: .milliseconds(20), on: loop)
        let direct = try VirtualPath(.tcp, delay: .milliseconds(20), on: loop)
        for path in [circuit, direct] { for (end, driver) in [near, far].enumerated() { path.ends[end].path.secured(driver.peer) } }
        near.add(circuit.ends[0].path)
        far.add(circuit.ends[1].path)
        loop.advanceTime(by: .seconds(1))
        var losses: [Bool] = []
        var takeovers = 0
        near.onEvent = {
            switch $0 {
            case .lostPath(_, _, let wasActive): losses.append(wasActive)
            case .tookOver: takeovers += 1
            default: break
            }
        }
        if hasSuccessor { near.add(direct.ends[0].path) }
        circuit.reset(0)
        #expect(losses == [!hasSuccessor])
        if hasSuccessor { far.add(direct.ends[1].path) }
        loop.advanceTime(by: .seconds(1))
        #expect(takeovers == (hasSuccessor ? 1 : 0) && near.activePath?.kind == (hasSuccessor ? .tcp : nil))
    }
}
