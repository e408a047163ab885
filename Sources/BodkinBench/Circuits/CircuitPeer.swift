import BodkinCore
import BodkinIdentity
import BodkinProtocols
import FoundationEssentials
import NIOCore

/// A registered peer for one circuit. It has no NAT-binding connection: circuits need none, and descriptors are few.
struct CircuitPeer: Sendable {
    let id: PeerID
    private let channel: any Channel
    private let handler: NIOLoopBound<CircuitPeerHandler>

    /// Connects and registers.
    init(_ url: RendezvousURL, on loop: any EventLoop, ledger: DialLedger) async throws {
        let connection = LoadConnection(url: url, identity: try .create(), bindings: 0)
        id = connection.identity.peerID
        let registered = loop.makePromise(of: Void.self)
        handler = try await loop.submit { NIOLoopBound(CircuitPeerHandler(ledger, registered), eventLoop: loop) }.get()
        channel = try await connection.open(handler, on: loop, registered)
    }

    /// Opens a circuit to another one, and waits until the called side has echoed its first bytes.
    func open(to other: PeerID, early: Data) async throws { try await perform { $0.open(to: other, early: early, $1) } }

    /// Waits until bytes have come back over the circuit.
    func echo(_ bytes: Data) async throws { try await perform { $0.echo(bytes, $1) } }

    /// Ends the circuit.
    func end() {
        let handler = handler
        channel.eventLoop.execute { handler.value.end() }
    }

    /// Goes.
    func close() async {
        channel.close(promise: nil)
        _ = try? await channel.closeFuture.get()
    }

    private func perform(_ body: @escaping @Sendable (CircuitPeerHandler, EventLoopPromise<Void>) -> Void) async throws {
        let (handler, loop) = (handler, channel.eventLoop)
        try await loop.flatSubmit {
            let promise = loop.makePromise(of: Void.self)
            body(handler.value, promise)
            return promise.futureResult
        }.get()
    }
}
