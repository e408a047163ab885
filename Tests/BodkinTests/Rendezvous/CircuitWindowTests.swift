import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinServer
import Testing

@testable import Bodkin

@Suite("Circuits through a server of any window", .timeLimit(.minutes(1)))
struct CircuitWindowTests {
    @Test("a circuit carries bytes both ways, however small the window is", arguments: [300, 5_000, 20_000, 65_536, 262_144])
    func window(_ window: Int) async throws {
        var configuration = try RendezvousServer.Configuration.loopback()
        configuration.limits.circuitWindow = window
        try await withRendezvousServer(configuration) { listening in
            try await Self.withPeers(listening.url) { near, far, _ in try await Self.echo(window < 1_000 ? 4_000 : 150_000, near, far) }
        }
    }

    @Test("a server that comes back with a smaller window carries circuits as before")
    func restart() async throws {
        var configuration = try RendezvousServer.Configuration.returning()
        let first = ServerTask(configuration)
        let listening = try await first.listening()
        configuration.limits.circuitWindow = 40_000
        try await Self.withPeers(listening.url) { [configuration] near, far, registrations in
            var registered = registrations.makeAsyncIterator()
            _ = await registered.next()
            try await Self.echo(1_000, near, far)
            await first.stop()
            let second = try await ServerTask.again(configuration)
            _ = try await second.listening()
            _ = await registered.next()
            try await Self.echo(150_000, near, far)
            await second.stop()
        }
    }

    /// Runs `body` with two peers that use circuits alone, and the registrations of the second one.
    private static func withPeers(_ url: RendezvousURL, _ body: @Sendable (Peer, Peer, AsyncStream<Void>) async throws -> Void) async throws {
        let (registrations, continuation) = AsyncStream.makeStream(of: Void.self)
        func configuration() throws -> Peer.Configuration {
            var configuration = Peer.Configuration(identity: try .create(), rendezvous: url)
            (configuration.paths, configuration.admission) = (.relayOnly, .anyone)
            return configuration
        }
        var called = try configuration()
        called.onEvent = { if case .registered = $0.kind { continuation.yield() } }
        try await withPeer(called) { far in
            try await far.registered()
            try await withPeer(configuration()) { near in
                try await near.registered()
                try await body(near, far, registrations)
            }
        }
    }

    /// Sends so many bytes by a new connection, and has them back.
    private static func echo(_ count: Int, _ near: Peer, _ far: Peer) async throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try await withThrowingTaskGroup { group in
            group.addTask {
                var incoming = far.incoming.makeAsyncIterator()
                guard let accepted = try await incoming.next() else { return }
                for try await piece in accepted.bytes { try await accepted.write(piece) }
                try await accepted.finish()
            }
            let connection = try await near.connect(to: far.id)
            group.addTask {
                try await connection.write(bytes)
                try await connection.finish()
            }
            var received: [UInt8] = []
            for try await piece in connection.bytes { received += piece }
            #expect(received == bytes)
            try await connection.close(within: .seconds(1))
            try await group.waitForAll()
        }
    }
}
