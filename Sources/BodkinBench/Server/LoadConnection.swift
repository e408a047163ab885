import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOPosix
import NIOSSL

/// A peer's connection to the server, up to its registration: mutual TLS 1.3, Hello and Register.
struct LoadConnection {
    let url: RendezvousURL
    let identity: Identity
    let instance = InstanceID.random()
    /// The key of the STUN credential.
    let key = (0..<20).map { _ in UInt8.random(in: .min ... .max) }
    /// How many NAT-binding connections follow.
    let bindings: UInt32
    /// The address that it connects from; nil for the one that the system chooses.
    var source: IPAddress?

    /// Connects and registers; `registered` is kept by the handler, which gets all that the server says.
    func open<Handler: ChannelInboundHandler>(
        _ handler: NIOLoopBound<Handler>, on loop: any EventLoop, _ registered: EventLoopPromise<Void>
    ) async throws -> any Channel {
        let context = try TLSContexts.client(CertificateIdentity(identity), protocol: TLSContexts.rendezvousProtocol)
        let keyHash = url.keyHash
        let host = url.hosts[0]
        let channel: any Channel
        do {
            channel = try await bootstrap(on: loop)
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
        channel.write(hello, promise: nil)
        channel.writeAndFlush(try register(sequence: 1), promise: nil)
        try await registered.futureResult.get()
        return channel
    }

    private var hello: WireEnvelope.OneOf_Body {
        var hello = WireHello()
        hello.lowestVersion = 1
        hello.highestVersion = 1
        hello.token = Data(url.token ?? [])
        hello.instance = Data(instance.bytes)
        hello.agent = "bodkin-bench"
        return .hello(hello)
    }

    /// A registration of this connection.
    func register(sequence: UInt64) throws -> WireEnvelope.OneOf_Body {
        let candidates = [
            Candidate(.host, Endpoint(IPAddress(v4: 0xC0A8_0102), 40_000)),
            Candidate(.serverReflexive, Endpoint(IPAddress(v4: 0xC633_6407), 40_000)),
        ]
        let card = Card(
            peer: identity.peerID, instance: instance, sequence: sequence, server: url.keyHash ?? [],
            expiry: UInt64(Date().timeIntervalSince1970 * 1000) + 3_600_000, candidates: candidates)
        var register = WireRegister()
        register.card = try card.signed(by: identity.privateKey)
        register.policy.admission = .anyone
        register.stunKey = Data(key)
        register.expectedBindings = bindings
        return .register(register)
    }

    private func bootstrap(on loop: any EventLoop) throws -> ClientBootstrap {
        let bootstrap = ClientBootstrap(group: loop)
        guard let source else { return bootstrap }
        return bootstrap.bind(to: try SocketAddress(Endpoint(source, 0)))
    }
}
