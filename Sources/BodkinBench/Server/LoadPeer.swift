import BodkinCore
import BodkinIdentity
import BodkinProtocols
import NIOCore

/// A peer as the server knows it: a key of its own, a registration over mutual TLS 1.3, a NAT-binding connection that is proved to be its own.
struct LoadPeer: Sendable {
    let id: PeerID
    private let channel: any Channel
    private let handler: NIOLoopBound<LoadPeerHandler>
    private let binding: any Channel

    /// Connects, registers, proves the NAT-binding connection.
    init(_ url: RendezvousURL, on loop: any EventLoop, ledger: DialLedger) async throws {
        let connection = LoadConnection(url: url, identity: try .create(), bindings: 1)
        id = connection.identity.peerID
        let registered = loop.makePromise(of: Void.self)
        handler = try await loop.submit { NIOLoopBound(LoadPeerHandler(ledger, registered), eventLoop: loop) }.get()
        channel = try await connection.open(handler, on: loop, registered)
        let credential = try BindingName.credential(key: connection.key)
        binding = try await BindingLoad.connect(url.hosts[0].name, url.stunPort, credential, on: loop, ledger: ledger)
    }

    /// Dials another peer.
    func dial(_ other: PeerID) {
        let handler = handler
        channel.eventLoop.execute { handler.value.dial(other) }
    }

    /// Goes.
    func close() async {
        binding.close(promise: nil)
        channel.close(promise: nil)
        _ = try? await channel.closeFuture.get()
    }
}
