import BodkinCore
import BodkinProtocols
import BodkinServer
import FoundationEssentials
import NIOCore
import Testing

@Suite("What a server refuses", .timeLimit(.minutes(1)))
struct RefusalTests {
    @Test("a version that it does not speak", arguments: [0...0, 2...9] as [ClosedRange<UInt32>])
    func version(_ versions: ClosedRange<UInt32>) async throws {
        try await withServer { listening in
            let peer = try await TestPeer(listening)
            peer.send(peer.hello(versions: versions))
            let failure = try await peer.failure()
            #expect(failure.code == .version && failure.message.contains("Update"))
            #expect(await peer.next() == nil)
        }
    }

    @Test("a newer peer that still speaks version 1 is welcome")
    func newer() async throws {
        try await withServer { listening in
            let peer = try await TestPeer(listening)
            peer.send(peer.hello(versions: 1...7))
            #expect(try await peer.welcome().version == 1)
        }
    }

    @Test("no token, and a wrong one; everything pipelined behind it has no effect", arguments: [[], [UInt8](repeating: 1, count: 16)])
    func token(_ token: [UInt8]) async throws {
        try await withServer { listening in
            let called = try await TestPeer.registered(listening)
            let peer = try await TestPeer(listening)
            peer.send(peer.hello(token: token), try peer.register(), peer.dial(called.id))
            let failure = try await peer.failure()
            #expect(failure.code == .token && failure.message.contains("URL"))
            #expect(await peer.next() == nil)
            let asker = try await TestPeer.registered(listening)
            asker.send(asker.dial(peer.id))
            #expect(try await asker.dialFailed().reason == .unavailable)
        }
    }

    static func two(_ first: JoinToken, _ second: JoinToken) throws -> JoinTokens {
        let entries = [("first", first), ("second", second)].compactMap { JoinTokens.Entry(name: $0.0, token: $0.1) }
        return try #require(JoinTokens(entries))
    }

    @Test("an open server needs no token, and a second token is as good as the first")
    func admission() async throws {
        try await withServer({ $0.admission = .open }) { listening in
            #expect(listening.url.token == nil)
            _ = try await TestPeer.registered(listening)
        }
        let second = JoinToken.random()
        let tokens = try Self.two(.random(), second)
        try await withServer({ $0.admission = .tokens(tokens) }) { listening in
            let peer = try await TestPeer(listening)
            peer.send(peer.hello(token: second.bytes))
            _ = try await peer.welcome()
        }
    }

    @Test("messages out of turn, and messages that are none", arguments: ["register first", "hello twice", "garbage", "too large"])
    func disorder(_ kind: String) async throws {
        try await withServer { listening in
            let peer = try await TestPeer(listening)
            switch kind {
            case "register first": peer.send(try peer.register())
            case "hello twice": peer.send(peer.hello(), peer.hello())
            case "garbage": try await peer.send(raw: [3, 0xFF, 0xFF, 0xFF])
            default: try await peer.send(raw: [0xFF, 0xFF, 0xFF, 0x7F])
            }
            if kind == "hello twice" { _ = try await peer.welcome() }
            #expect(try await peer.failure().code == (kind == "too large" ? .tooLarge : .protocol))
            #expect(await peer.next() == nil)
        }
    }

    @Test("an expired card, as of a clock that is an hour slow: the answer tells the time, and with that it works")
    func clock() async throws {
        try await withServer { listening in
            let peer = try await TestPeer(listening)
            peer.send(peer.hello(), try peer.register(expiry: TestPeer.now - 3_600_000 + 60_000))
            _ = try await peer.welcome()
            let failure = try await peer.failure()
            #expect(failure.code == .expired && abs(Int64(failure.timeMs) - Int64(TestPeer.now)) < 5_000)
            let again = try await TestPeer(listening, identity: peer.identity, instance: peer.instance)
            again.send(again.hello(), try again.register(expiry: failure.timeMs + 60_000))
            _ = try await again.welcome()
            _ = try await again.registered()
        }
    }

    @Test("a card for another server")
    func otherServer() async throws {
        try await withServer { listening in
            let peer = try await TestPeer(listening)
            peer.send(peer.hello(), try peer.register(server: Array(repeating: 1, count: 32)))
            _ = try await peer.welcome()
            #expect(try await peer.failure().code == .card)
        }
    }

    @Test("an instance that registers again: the first connection is told")
    func replaced() async throws {
        try await withServer { listening in
            let first = try await TestPeer.registered(listening)
            let second = try await TestPeer(listening, identity: first.identity, instance: first.instance)
            second.send(second.hello(), try second.register(sequence: 2))
            #expect(try await first.failure().code == .replaced)
            _ = try await second.welcome()
            _ = try await second.registered()
        }
    }

    @Test("more connections than a quota allows, until one goes")
    func quota() async throws {
        try await withServer({ $0.quotas.address.connections = 1 }) { listening in
            let first = try await TestPeer.registered(listening)
            let second = try await TestPeer(listening)
            second.send(second.hello())
            #expect(try await second.failure().code == .quota)
            #expect(await second.next() == nil)
            first.close()
            try await first.channel.closeFuture.get()
            // The server learns of it in its own time.
            for _ in 0..<100 {
                let third = try await TestPeer(listening)
                third.send(third.hello())
                let answer = await third.next()
                third.close()
                if case .welcome? = answer { return }
                try await Task.sleep(for: .milliseconds(20))
            }
            Issue.record("the place was never given back")
        }
    }
}
