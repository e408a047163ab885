import BodkinCore
import BodkinProtocols
import BodkinServer
import FoundationEssentials
import Testing

@Suite("Meeting through a server", .timeLimit(.minutes(1)))
struct MeetTests {
    @Test("everything at once: hello, register and dial in one flight; both sides learn what they need")
    func pipelined() async throws {
        try await withServer { listening in
            let called = try await TestPeer.registered(listening)
            let dialer = try await TestPeer(listening)
            let attempt = AttemptID.random()
            dialer.send(dialer.hello(), try dialer.register(admission: .nobody), dialer.dial(called.id, attempt, early: "first flight"))
            let welcome = try await dialer.welcome()
            #expect(welcome.version == 1)
            #expect(welcome.stun.map(\.port) == listening.stun.map { UInt32($0.port) })
            #expect(abs(Int64(welcome.timeMs) - Int64(TestPeer.now)) < 5_000)
            _ = try await dialer.registered()
            let invitation = try await called.meet()
            #expect(invitation.peer == Data(dialer.id.publicKey))
            #expect(invitation.instance == Data(dialer.instance.bytes))
            #expect(invitation.early == Data("first flight".utf8))
            #expect(!invitation.isDialer)
            let card = try Card(invitation.card, of: dialer.id, server: listening.url.keyHash, now: TestPeer.now)
            #expect(card.candidates.count == 1)
            called.send(called.answer(attempt))
            let meet = try await dialer.meet()
            #expect(meet.isDialer && meet.early.isEmpty && meet.direct)
            #expect(meet.peer == Data(called.id.publicKey))
            #expect(meet.intervalUs == invitation.intervalUs && meet.intervalUs >= 200_000)
            #expect(min(meet.startInUs, invitation.startInUs) == 0)
        }
    }

    @Test("a NAT-binding connection that comes before its registration is observed, and the dial waits for it")
    func warm() async throws {
        try await withServer { listening in
            let called = try await TestPeer.registered(listening)
            let dialer = try await TestPeer(listening)
            let warm = try await TestStream(#require(listening.stun.first))
            let request = try STUNMessage.bindingRequest(dialer, await warm.nonce())
            warm.send(request.bytes)
            dialer.send(dialer.hello(), try dialer.register(bindings: 1), dialer.dial(called.id))
            #expect(try await called.meet().observed.compactMap { $0.endpoint() } == [warm.local])
            _ = try await dialer.welcome()
            _ = try await dialer.registered()
            #expect(try await dialer.meet().ownObserved.compactMap { $0.endpoint() } == [warm.local])
            let answer = try STUNMessage(#require(await warm.next()))
            #expect(answer.class == .success && answer.transactionID == request.transactionID)
            #expect(answer.verifiedIntegrity(key: dialer.stunKey) != nil)
        }
    }

    @Test("bytes of a circuit follow the Meet, and come back")
    func circuit() async throws {
        try await withServer { listening in
            let called = try await TestPeer.registered(listening)
            let dialer = try await TestPeer.registered(listening, admission: .nobody)
            let attempt = AttemptID.random()
            dialer.send(dialer.dial(called.id, attempt, direct: false), dialer.data(attempt, [1, 2, 3]))
            let meet = try await called.meet()
            #expect(!meet.direct && meet.card.card.isEmpty && meet.observed.isEmpty)
            called.send(called.answer(attempt), called.data(attempt, [4, 5]))
            #expect(try await called.data().data == Data([1, 2, 3]))
            _ = try await dialer.meet()
            #expect(try await dialer.data().data == Data([4, 5]))
            dialer.send(dialer.credit(attempt, 2), dialer.closeCircuit(attempt))
            #expect(try await called.credit().bytes == 2)
            #expect(try await called.circuitClosed().reason == .finished)
        }
    }
}
