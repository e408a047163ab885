import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import Synchronization
import Testing

extension AbuseTests {
    @Suite("Clocks that differ")
    struct ClockTests {
        private static func serve(
            _ lies: LyingServer.Lies, lifetime: Duration? = nil, _ body: @Sendable @escaping (LyingServer, Peer) async throws -> Void
        ) async throws {
            try await withLab(Topology.pair(.portRestricted, .open, seed: 1)) { lab in
                try await LyingServer.run(in: lab, lies) { server in
                    func configure(_ configuration: inout Peer.Configuration) {
                        if let lifetime { configuration.cardLifetime = lifetime }
                    }
                    try await PeerLab(lab: lab, url: server.url).withPeer(in: "a", configure) { try await body(server, $0) }
                }
            }
        }

        @Test(
            "an hour or more either way matters to nobody: the card is good for two hours by the server's clock",
            arguments: [-5_400_000, -3_600_000, 3_600_000, 5_400_000] as [Int64])
        func hour(_ offset: Int64) async throws {
            var lies = LyingServer.Lies()
            lies.clock = offset
            try await Self.serve(lies) { server, peer in
                try await peer.registered()
                _ = try await eventually("a card by the server's clock") {
                    guard let card = server.state.withLock({ $0.registrations[peer.id]?.last?.card }) else { return false }
                    let expiry = try Card(card, of: peer.id, server: server.url.keyHash, now: server.now).expiry
                    return expiry > server.now + 7_100_000 && expiry <= server.now + 7_300_000
                }
                #expect(server.state.withLock { $0.refusals } == 0)
            }
        }

        @Test("a card that has expired by the server's clock is signed anew by that clock", arguments: [3, 24, 24 * 365 * 30] as [Int64])
        func ahead(_ hours: Int64) async throws {
            var lies = LyingServer.Lies()
            lies.clock = hours * 3_600_000
            try await Self.serve(lies) { server, peer in
                try await peer.registered()
                #expect(server.state.withLock { $0.refusals } == 1)
                let card = try #require(server.state.withLock { $0.registrations[peer.id]?.last?.card })
                let read = try Card(card, of: peer.id, server: server.url.keyHash, now: server.now)
                #expect(read.expiry < server.now + 2 * 3_600_000 + 1000)
            }
        }

        @Test("a server that calls everything expired is given up, with a word about why")
        func never() async throws {
            var lies = LyingServer.Lies()
            lies.refusal = { _ in .expired }
            try await Self.serve(lies) { server, peer in
                let error = await #expect(throws: PeerError.self) { try await peer.registered() }
                #expect(error?.code == .refused)
                #expect(error?.message.contains("Ask its operator") == true)
                #expect(server.state.withLock { $0.refusals } == 3)
            }
        }

        @Test("whoever stays signs a fresh card before the last one expires")
        func renewal() async throws {
            try await Self.serve(LyingServer.Lies(), lifetime: .seconds(2)) { server, peer in
                try await peer.registered()
                let cards = try await eventually("a fourth card") {
                    let registrations = server.state.withLock { $0.registrations[peer.id] ?? [] }
                    return registrations.count >= 4 ? registrations : nil
                }
                #expect(server.state.withLock { $0.refusals } == 0)
                let read = try cards.map { try Card($0.card, of: peer.id, server: server.url.keyHash, now: 0) }
                #expect(zip(read, read.dropFirst()).allSatisfy { $0.sequence < $1.sequence && $0.expiry <= $1.expiry })
            }
        }
    }
}
