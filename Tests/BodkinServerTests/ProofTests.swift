import BodkinCore
import BodkinProtocols
import BodkinServer
import NIOCore
import Testing

@Suite("Proofs of NAT bindings", .timeLimit(.minutes(1)))
struct ProofTests {
    /// A proof that an eavesdropper has seen, or makes up.
    enum Replay: String, CaseIterable, Sendable {
        case elsewhere, sameConnection, withoutNonce, ownNonce, publicName

        /// Sends it; the thief has a connection of its own, the victim has proved `victim`.
        func send(_ seen: STUNMessage, _ peer: TestPeer, thief: TestStream, victim: TestStream) async throws -> STUNMessage {
            switch self {
            case .elsewhere:
                _ = try await thief.nonce()
                return try await thief.ask(seen)
            case .sameConnection: return try await victim.ask(seen)
            case .withoutNonce: return try await thief.ask(.bindingRequest(peer, nil))
            case .ownNonce: return try await thief.ask(.bindingRequest(peer, .random()))
            case .publicName:
                let credential = try STUNCredential(username: peer.instance.description, key: peer.stunKey)
                // It would wait for a registration; a further request has it answered.
                return try await thief.ask(.bindingRequest(credential: credential, nonce: thief.nonce()), followedBy: .bindingRequest())
            }
        }
    }

    private func observed(_ peer: TestPeer, by dialer: TestPeer) async throws -> [Endpoint] {
        let attempt = AttemptID.random()
        dialer.send(dialer.dial(peer.id, attempt, early: ""))
        _ = try await peer.meet()
        peer.send(peer.answer(attempt))
        return try await dialer.meet().observed.compactMap { $0.endpoint() }
    }

    @Test("are good once, on the connection that they are made for, and take nothing from their owner", arguments: Replay.allCases)
    func replay(_ replay: Replay) async throws {
        try await withServer { listening in
            let peer = try await TestPeer.registered(listening)
            let dialer = try await TestPeer.registered(listening)
            let endpoint = try #require(listening.stun.first)
            let (victim, thief) = (try await TestStream(endpoint), try await TestStream(endpoint))
            let proof = try STUNMessage.bindingRequest(peer, await victim.nonce())
            #expect(try await victim.ask(proof).class == .success)
            for _ in 0..<5 {
                let answer = try await replay.send(proof, peer, thief: thief, victim: victim)
                #expect(answer.class == .error && answer.verifiedIntegrity(key: peer.stunKey) == nil)
            }
            #expect(try await observed(peer, by: dialer) == [victim.local])
            // Its owner goes on with the nonce of the latest answer.
            #expect(try await victim.prove(peer).class == .success)
        }
    }

    @Test("two with one nonce: the second one is stale, and the answer names the next nonce")
    func twice() async throws {
        try await withServer { listening in
            let peer = try await TestPeer.registered(listening)
            let stream = try await TestStream(#require(listening.stun.first))
            let nonce = try await stream.nonce()
            #expect(try await stream.ask(.bindingRequest(peer, nonce)).class == .success)
            let stale = try await stream.ask(.bindingRequest(peer, nonce))
            #expect(try stale.attribute(STUNMessage.ErrorCode.self) == .staleNonce)
            let next = try #require(try stale.attribute(STUNMessage.Nonce.self))
            #expect(try await stream.ask(.bindingRequest(peer, next)).class == .success)
        }
    }
}
