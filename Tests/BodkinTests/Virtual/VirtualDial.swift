import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinProtocols
import BodkinVirtualNetwork

@testable import Bodkin

/// Two peers and a server in a network of their own, for dials of host `a` to host `b`.
final class VirtualDial {
    let network: VirtualNetwork
    let server: VirtualServer
    let a: VirtualPeer
    let b: VirtualPeer
    /// A dial of `b` to `a`.
    var reverse: VirtualCall?
    private static let identities = Result { try (Identity.create(), Identity.create(), Identity.create()) }

    init(
        _ topology: Topology, serverAddresses: Int = 1, a: (inout Peer.Configuration) -> Void = { _ in },
        b: (inout Peer.Configuration) -> Void = { _ in }
    ) throws {
        let (one, two, three) = try Self.identities.get()
        network = VirtualNetwork(topology)
        server = try VirtualServer(on: network, identity: one, addressCount: serverAddresses)
        self.a = try VirtualPeer(on: "a", of: network, identity: two, rendezvous: server.url, a)
        self.b = try VirtualPeer(on: "b", of: network, identity: three, rendezvous: server.url, b)
    }

    /// Two peers behind these networks, `delay` apart. The server has two addresses, as the lab's has: then nothing is left to be tried where nothing can be done.
    convenience init(_ a: AccessNetwork, _ b: AccessNetwork, delay: Duration = .milliseconds(25), loss: Double = 0, seed: UInt64) throws {
        try self.init(.pair(a, b, link: LinkParameters(delay: delay, loss: loss), seed: seed), serverAddresses: 2)
    }

    /// Waits until the server knows both, and what it sees of them.
    func register() -> Bool {
        network.run(atMost: .seconds(20)) { a.isRegistered && b.isRegistered }
    }

    /// Dials from `a`, and waits until nothing is tried any more.
    func dial() -> VirtualCall {
        let call = a.connect(to: b.id)
        network.run(atMost: .seconds(40)) { call.isSettled }
        return call
    }
}

extension VirtualCall {
    /// Whether the dial has failed, or nothing more will come of it.
    var isSettled: Bool { error != nil || connection?.recordHere?.isSettled == true }
}
