import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinServer
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOPosix
import Testing

@Suite("A peer's link to the server", .timeLimit(.minutes(1)))
struct LinkTests {
    private final class Holder { var link: RendezvousLink? }

    /// The keys of a URL, beside the server's own.
    enum Pins: String, CaseIterable, Sendable { case own, ownAndNext, formerAndOwn, other, twoOthers }

    @Test("either key of a URL lets the link come up, and no other", arguments: Pins.allCases)
    func pins(_ pins: Pins) async throws {
        try await withServer { listening in
            let eventLoop = NIOSingletons.posixEventLoopGroup.next()
            let route = ServerRoute(endpoint: try #require(listening.rendezvous.first), name: "127.0.0.1", interface: nil)
            let certificate = try CertificateIdentity(.create())
            let own = try #require(listening.url.keyHash)
            let others = try (0..<2).map { _ in try CertificateIdentity(.create()).publicKeyHash() }
            var url = listening.url
            (url.keyHash, url.nextKeyHash) =
                switch pins {
                case .own: (own, nil)
                case .ownAndNext: (own, others[0])
                case .formerAndOwn: (others[0], own)
                case .other: (others[0], nil)
                case .twoOthers: (others[0], others[1])
                }
            let isUp = eventLoop.makePromise(of: Bool.self)
            let gate = Gate(before: KernelSystem(), servers: [route.endpoint.address], on: eventLoop)
            let holder = try await eventLoop.submit { [url] in
                let holder = Holder()
                holder.link = RendezvousLink(url, routes: [route], certificate: certificate, through: gate, on: eventLoop) { event in
                    switch event {
                    case .up: isUp.succeed(true)
                    case .message: break
                    case .down: isUp.succeed(false)
                    }
                }
                return NIOLoopBound(holder, eventLoop: eventLoop)
            }.get()
            #expect(try await isUp.futureResult.get() == (pins != .other && pins != .twoOthers))
            try await eventLoop.submit { holder.value.link?.close() }.get()
        }
    }

    @Test("what is sent before the hello never leaves, and the server has nothing to object to")
    func greeting() async throws {
        try await withServer { listening in
            let eventLoop = NIOSingletons.posixEventLoopGroup.next()
            let route = ServerRoute(endpoint: try #require(listening.rendezvous.first), name: "127.0.0.1", interface: nil)
            let certificate = try CertificateIdentity(.create())
            let first = eventLoop.makePromise(of: String.self)
            let gate = Gate(before: KernelSystem(), servers: [route.endpoint.address], on: eventLoop)
            let holder = try await eventLoop.submit {
                let holder = Holder()
                holder.link = RendezvousLink(listening.url, routes: [route], certificate: certificate, through: gate, on: eventLoop) {
                    [weak holder] event in
                    switch event {
                    case .up:
                        holder?.link?.send(.ping(WirePing()))
                        var hello = WireHello()
                        (hello.lowestVersion, hello.highestVersion) = (1, 1)
                        hello.token = Data(listening.url.token ?? [])
                        hello.instance = Data(InstanceID.random().bytes)
                        holder?.link?.send(.hello(hello))
                    case .message(.welcome): first.succeed("welcome")
                    case .message(let message): first.succeed("\(message)")
                    case .down(let error): first.succeed(error.message)
                    }
                }
                return NIOLoopBound(holder, eventLoop: eventLoop)
            }.get()
            #expect(try await first.futureResult.get() == "welcome")
            try await eventLoop.submit { holder.value.link?.close() }.get()
        }
    }
}
