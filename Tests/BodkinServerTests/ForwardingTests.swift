import BodkinCore
import BodkinProtocols
import BodkinServer
import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

@Suite("What one peer says ends no other", .timeLimit(.minutes(1)))
struct ForwardingTests {
    @Test("a peer that is called by one with a card of 60 KB, and one that calls it, go on", arguments: [true, false])
    func padded(_ isCalled: Bool) async throws {
        try await withServer { listening in
            let victim = try await TestPeer.registered(listening)
            let attacker = try await TestPeer(listening)
            guard case .register(var register) = try attacker.register() else { return }
            // Field 1000, 60 000 bytes.
            let padding: [UInt8] = [0xC2, 0x3E, 0xE0, 0xD4, 0x03] + [UInt8](repeating: 0xEE, count: 60_000)
            register.card = try WireSignedCard(serializedBytes: register.card.serializedBytes() as [UInt8] + padding)
            #expect(try (register.serializedBytes() as [UInt8]).count > 60_000)
            attacker.send(attacker.hello(), .register(register))
            _ = try await attacker.welcome()
            _ = try await attacker.registered()
            let (dialer, called) = isCalled ? (attacker, victim) : (victim, attacker)
            dialer.send(dialer.dial(called.id, early: String(repeating: "e", count: 4_096)))
            let meets = [try await called.meet(), try await dialer.meet()]
            for meet in meets { #expect(try (meet.serializedBytes() as [UInt8]).count <= MessageBound.size(of: .meet(meet)) ?? 0) }
            called.send(called.answer(try #require(AttemptID(bytes: meets[0].attempt))))
            victim.send(.ping(WirePing()))
            guard case .pong? = await victim.next() else { throw TestPeer.Unexpected(wanted: "a pong", got: nil) }
        }
    }
}
