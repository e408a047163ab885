import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinServer
import BodkinTransport
import NIOCore
import Testing

@testable import Bodkin

@Suite("A server that moves", .timeLimit(.minutes(1)))
struct ServerMoveTests {
    @Test("a running peer finds the server at another address of its name")
    func moves() async throws {
        var configuration = try RendezvousServer.Configuration.returning("localhost")
        let first = ServerTask(configuration)
        let listening = try await first.listening()
        let place = try #require(listening.rendezvous.first)
        let address = IPAddress(v4: 0x7F00_0002)
        configuration.bindAddresses = [address]

        let (registrations, continuation) = AsyncStream.makeStream(of: Void.self)
        var settings = Peer.Configuration(identity: try .create(), rendezvous: listening.url)
        (settings.paths, settings.onEvent) = (.relayOnly, { if case .registered = $0.kind { continuation.yield() } })
        try await withPeer(settings) { [configuration] peer in
            var registered = registrations.makeAsyncIterator()
            _ = await registered.next()
            let (engine, loop) = (peer.engine, peer.eventLoop)
            let before = try await loop.submit { engine.value.link?.route?.endpoint.address }.get()
            #expect(before == place.address)
            // What the resolver says from now on.
            try await loop.submit {
                engine.value.rendezvous.resolveRoutes = {
                    loop.makeSucceededFuture([ServerRoute(endpoint: Endpoint(address, place.port), name: "localhost")])
                }
            }.get()
            await first.stop()
            let second = try await ServerTask.again(configuration)
            _ = try await second.listening()
            _ = await registered.next()
            let after = try await loop.submit { engine.value.link?.route?.endpoint.address }.get()
            #expect(after == address)
            await second.stop()
        }
    }
}
