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
            let dialler = try await TestPeer(listening)
            let attempt = AttemptID.random()
            dialler.send(dialler.hello(), try dialler.register(admission: .nobody), dialler.dial(called.id, attempt, early: "first flight"))
            let welcome = try await dialler.welcome()
            #expect(welcome.version == 1)
            #expect(welcome.stun.map(\.port) == listening.stun.map { UInt32($0.port) })
            #expect(abs(Int64(welcome.timeMs) - Int64(TestPeer.now)) < 5_000)
            _ = try await dialler.registered()
            let invitation = try await called.meet()
            #expect(invitation.peer == Data(dialler.id.publicKey))
            #expect(invitation.instance == Data(dialler.instance.bytes))
            #expect(invitation.early == Data("first flight".utf8))
            #expect(!invitation.isDialler)
            let card = try Card(invitation.card, of: dialler.id, server: listening.url.keyHash, now: TestPeer.now)
            #expect(card.candidates.count == 1)
            called.send(called.answer(attempt))
            let meet = try await dialler.meet()
            #expect(meet.isDialler && meet.early.isEmpty && meet.direct)
            #expect(meet.peer == Data(called.id.publicKey))
            #expect(meet.intervalUs == invitation.intervalUs && meet.intervalUs >= 200_000)
            #expect(min(meet.startInUs, invitation.startInUs) == 0)
        }
    }

    @Test("a warm connection that comes before its registration is observed, and the dial waits for it")
    func warm() async throws {
        try await withServer { listening in
            let called = try await TestPeer.registered(listening)
            let dialler = try await TestPeer(listening)
            let warm = try await TestStream(#require(listening.stun.first))
            let request = try STUNMessage.warmRequest(dialler)
            warm.send(request.bytes)
            dialler.send(dialler.hello(), try dialler.register(warmConnections: 1), dialler.dial(called.id))
            #expect(try await called.meet().observed.compactMap { $0.endpoint() } == [warm.local])
            _ = try await dialler.welcome()
            _ = try await dialler.registered()
            #expect(try await dialler.meet().ownObserved.compactMap { $0.endpoint() } == [warm.local])
            let answer = try STUNMessage(#require(await warm.next()))
            #expect(answer.class == .success && answer.transactionID == request.transactionID)
            #expect(answer.verifiedIntegrity(key: dialler.stunKey) != nil)
        }
    }

    @Test("bytes of a circuit follow the Meet, and come back")
    func circuit() async throws {
        try await withServer { listening in
            let called = try await TestPeer.registered(listening)
            let dialler = try await TestPeer.registered(listening, admission: .nobody)
            let attempt = AttemptID.random()
            dialler.send(dialler.dial(called.id, attempt, direct: false), dialler.data(attempt, [1, 2, 3]))
            let meet = try await called.meet()
            #expect(!meet.direct && meet.card.card.isEmpty && meet.observed.isEmpty)
            called.send(called.answer(attempt), called.data(attempt, [4, 5]))
            #expect(try await called.data().data == Data([1, 2, 3]))
            _ = try await dialler.meet()
            #expect(try await dialler.data().data == Data([4, 5]))
            dialler.send(dialler.credit(attempt, 2), dialler.closeCircuit(attempt))
            #expect(try await called.credit().bytes == 2)
            #expect(try await called.circuitClosed().reason == .finished)
        }
    }
}
