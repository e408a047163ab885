import BodkinCore
import BodkinIdentity
import BodkinNATLab
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOPosix
import NIOSSL

/// A peer as the server knows it: a key of its own, a registration over mutual TLS 1.3, a warm connection that is proved to be its own.
struct LoadPeer: Sendable {
    let id: PeerID
    private let channel: any Channel
    private let handler: NIOLoopBound<LoadPeerHandler>
    private let warm: any Channel

    /// Connects, registers, proves the warm connection.
    init(_ url: RendezvousURL, on loop: any EventLoop, ledger: DialLedger) async throws {
        let identity = try Identity.create()
        let instance = InstanceID.random()
        let key = (0..<20).map { _ in UInt8.random(in: .min ... .max) }
        let context = try TLSContexts.client(CertificateIdentity(identity), protocol: TLSContexts.rendezvousProtocol)
        let keyHash = url.keyHash
        let host = url.hosts[0]
        id = identity.peerID
        let registered = loop.makePromise(of: Void.self)
        let handler = try await loop.submit { NIOLoopBound(LoadPeerHandler(ledger, registered), eventLoop: loop) }.get()
        self.handler = handler
        do {
            channel = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers(
                            NIOSSLClientHandler(context: context, serverHostname: nil) { certificates, promise in
                                let hash = certificates.first.flatMap { try? CertificateIdentity.publicKeyHash(of: $0) }
                                promise.succeed(hash == keyHash ? .certificateVerified : .failed)
                            }, EnvelopeHandler(), handler.value)
                    }
                }
                .connect(host: host.name, port: Int(host.port)).get()
        } catch {
            registered.fail(error)
            throw error
        }
        // As peers do: nothing is waited for.
        channel.write(Self.hello(url, instance), promise: nil)
        channel.writeAndFlush(try Self.register(url, identity, instance, key), promise: nil)
        try await registered.futureResult.get()
        warm = try await WarmLoad.connect(
            host.name, url.stunPort, STUNCredential(username: instance.description, key: key), on: loop, ledger: ledger)
    }

    /// Dials another peer.
    func dial(_ other: PeerID) {
        let handler = handler
        channel.eventLoop.execute { handler.value.dial(other) }
    }

    /// Goes.
    func close() async {
        warm.close(promise: nil)
        channel.close(promise: nil)
        _ = try? await channel.closeFuture.get()
    }

    private static func hello(_ url: RendezvousURL, _ instance: InstanceID) -> WireEnvelope.OneOf_Body {
        var hello = WireHello()
        hello.lowestVersion = 1
        hello.highestVersion = 1
        hello.token = Data(url.token ?? [])
        hello.instance = Data(instance.bytes)
        hello.agent = "bodkin-bench"
        return .hello(hello)
    }

    private static func register(
        _ url: RendezvousURL, _ identity: Identity, _ instance: InstanceID, _ key: [UInt8]
    ) throws -> WireEnvelope.OneOf_Body {
        let candidates = [
            Candidate(.host, Endpoint(IPAddress(v4: 0xC0A8_0102), 40_000)), Candidate(.serverReflexive, Endpoint(IPAddress(v4: 0xC633_6407), 40_000)),
        ]
        let card = Card(
            peer: identity.peerID, instance: instance, sequence: 1, server: url.keyHash ?? [],
            expiry: UInt64(Date().timeIntervalSince1970 * 1000) + 3_600_000, candidates: candidates)
        var register = WireRegister()
        register.card = try card.signed(by: identity.privateKey)
        register.policy.admission = .anyone
        register.stunKey = Data(key)
        register.warmConnections = 1
        return .register(register)
    }
}
