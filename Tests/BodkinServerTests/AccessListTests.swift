import BodkinCore
import BodkinProtocols
import BodkinServer
import FoundationEssentials
import Testing

@Suite("Tokens and refused peers of a server", .timeLimit(.minutes(1)))
struct AccessListTests {
    private static func base64(_ token: JoinToken) -> String { Data(token.bytes).base64EncodedString() }

    @Test("a file of tokens has a name and bytes in each line")
    func file() throws {
        let tokens = [JoinToken.random(), .random()]
        let text = "# home\n\nhome \(Self.base64(tokens[0]))\n  work\t\(Self.base64(tokens[1]))  \n"
        let read = try JoinTokens(parsing: text)
        #expect(read.entries.map(\.name) == ["home", "work"] && read.entries.map(\.token) == tokens)
    }

    @Test(
        "what is no file of tokens is refused, with the line and without the token",
        arguments: [
            "", "# nothing", "home", "home AAAAAAAAAAAAAAAA", "home not+base64=", "a b AAAAAAAAAAAAAAAAAAAAAA==", "h/me AAAAAAAAAAAAAAAAAAAAAA==",
            "x AAAAAAAAAAAAAAAAAAAAAA==\nx BBBBBBBBBBBBBBBBBBBBBA==", "x AAAAAAAAAAAAAAAAAAAAAA==\ny AAAAAAAAAAAAAAAAAAAAAA==",
        ])
    func badFile(_ text: String) {
        let error = #expect(throws: JoinTokens.ParseError.self) { try JoinTokens(parsing: text) }
        #expect(error?.message.contains("AAAA") == false)
    }

    /// How a peer loses its access while it is registered.
    enum Loss: String, CaseIterable, Sendable { case tokenGone, tokenChanged, peerRefused }

    @Test(
        "whatever runs under a token that is revoked, or belongs to a peer that is refused, ends at once, and nothing else", arguments: Loss.allCases)
    func revocation(_ loss: Loss) async throws {
        let (kept, lost) = (JoinToken.random(), JoinToken.random())
        var configuration = try RendezvousServer.Configuration(
            hosts: ["127.0.0.1"], credentials: .identity(.create()), admission: .tokens(RefusalTests.two(kept, lost)))
        configuration.bindAddresses = [IPAddress(v4: 0x7F00_0001)]
        (configuration.port, configuration.stunPort) = (0, 0)
        let server = RendezvousServer(configuration)
        try await withRendezvousServer(server) { listening in
            let user = try await TestPeer.registered(listening)
            let loser = try await TestPeer(listening)
            loser.send(loser.hello(token: lost.bytes), try loser.register())
            _ = try await loser.welcome()
            _ = try await loser.registered()
            let attempt = AttemptID.random()
            user.send(user.dial(loser.id, attempt))
            _ = try await loser.meet()
            loser.send(loser.answer(attempt), loser.data(attempt, [1]))
            _ = try await user.meet()
            _ = try await user.data()
            switch loss {
            case .tokenGone:
                let entry = try #require(JoinTokens.Entry(name: "first", token: kept))
                server.update(.tokens(try #require(JoinTokens([entry]))))
            case .tokenChanged: server.update(.tokens(try RefusalTests.two(kept, .random())))
            case .peerRefused: server.update(configuration.admission, refusing: [loser.id])
            }
            #expect(try await loser.failure().code == .token)
            #expect(try await user.circuitClosed().reason == .peerGone)
            let again = try await TestPeer(listening, identity: loser.identity)
            again.send(again.hello(token: lost.bytes))
            #expect(try await again.failure().code == .token)
            // The others go on.
            user.send(user.dial(loser.id))
            #expect(try await user.dialFailed().reason == .unavailable)
        }
    }
}
