import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinServer
import FoundationEssentials
import NIOCore
import Testing

@Suite("A server's life", .timeLimit(.minutes(1)))
struct LifeTests {
    @Test("a shutdown tells every peer, closes everything and returns")
    func shutdown() async throws {
        let (peer, stream, listening) = try await withServer { listening in
            let peer = try await UncheckedBox(TestPeer.registered(listening))
            let stream = try await UncheckedBox(TestStream(#require(listening.stun.first)))
            stream.value.send(STUNMessage.bindingRequest().bytes)
            _ = await stream.value.next()
            return (peer, stream, listening)
        }
        #expect(try await peer.value.failure().code == .shutdown)
        #expect(await peer.value.next() == nil)
        #expect(await stream.value.next() == nil)
        for endpoint in listening.rendezvous + listening.stun {
            await #expect(throws: (any Error).self) { _ = try await UncheckedBox(TestStream(endpoint)) }
        }
    }

    @Test("the URL says all that a client needs, and the same key makes the same URL again")
    func url() async throws {
        let identity = try Identity.create()
        let token = JoinToken.random()
        var urls: [String] = []
        for _ in 0..<2 {
            urls.append(
                try await withServer({
                    $0.hosts = ["rendezvous.example", "2001:db8::1"]
                    ($0.publicPort, $0.publicSTUNPort) = (443, 5349)
                    $0.credentials = .identity(identity)
                    $0.admission = .tokens(JoinTokens(token))
                }) { listening in
                    let url = try RendezvousURL(listening.url.description)
                    #expect(url == listening.url && url.token == token.bytes && listening.stun.first?.port != 5349)
                    return url.description
                })
        }
        #expect(urls[0] == urls[1])
        #expect(urls[0].hasPrefix("bodkin://rendezvous.example,[2001:db8::1]/?key=") && urls[0].hasSuffix("&stun=5349"))
    }

    @Test("a port that is taken, an address that is not one's own, and contradictions are said with what to do")
    func errors() async throws {
        func failure(_ change: (inout RendezvousServer.Configuration) -> Void) async -> ServerError? {
            do {
                try await withServer(change) { _ in }
                return nil
            } catch { return error as? ServerError }
        }
        try await withServer { listening in
            let port = listening.rendezvous.first?.port ?? 0
            let taken = await failure { $0.port = port }
            #expect(taken?.code == .bind && taken?.message.contains("another program uses it") == true)
        }
        let foreign = await failure { $0.bindAddresses = [IPAddress(v4: 0xC000_0201)] }
        #expect(foreign?.code == .bind && foreign?.message.contains("no such address") == true)
        #expect(await failure { $0.hosts = [] }?.code == .configuration)
        #expect(await failure { $0.bindAddresses = [] }?.code == .configuration)
        let ports = await failure {
            $0.stunPort = 7000
            $0.alternateSTUNPort = 7000
        }
        #expect(ports?.code == .configuration)
        let wildcard = await failure {
            $0.bindAddresses = [.unspecified(.v4)]
            $0.secondAddress = IPAddress(v4: 0x7F00_0002)
        }
        #expect(wildcard?.code == .configuration)
        let missing = await failure { $0.credentials = .certificate(file: "/nowhere.pem", keyFile: "/nowhere.key", isPinned: false) }
        #expect(missing?.code == .credentials && missing?.message.contains("/nowhere.pem") == true)
    }

    @Test("all addresses, the default: both families, each by its own name")
    func wildcard() async throws {
        try await withServer({ $0.bindAddresses = [.unspecified(.v4), .unspecified(.v6)] }) { listening in
            let port = try #require(listening.stun.first?.port)
            for host in ["127.0.0.1", "[::1]"].prefix(listening.rendezvous.count) {
                let stream = try await TestStream(#require(Endpoint("\(host):\(port)")))
                stream.send(STUNMessage.bindingRequest().bytes)
                let answer = try STUNMessage(#require(await stream.next()))
                let mapped = try answer.attribute(STUNMessage.XORMappedAddress.self)?.endpoint
                #expect(mapped?.address.family == (host == "127.0.0.1" ? .v4 : .v6))
            }
        }
    }

    @Test("the health endpoint counts, and knows nothing else")
    func health() async throws {
        try await withServer({ $0.healthEndpoint = Endpoint("127.0.0.1:0") }) { listening in
            let peer = try await TestPeer.registered(listening)
            func get(_ target: String) async throws -> String {
                let stream = try await TestStream(#require(listening.health))
                stream.send(Array("GET \(target) HTTP/1.1\r\nhost: x\r\n\r\n".utf8))
                return String(decoding: await stream.rest(), as: UTF8.self)
            }
            let health = try await get("/health")
            #expect(health.hasPrefix("HTTP/1.1 200") && health.contains("\"registered\": 1") && health.contains("\"circuits\": 0"))
            #expect(try await get("/").hasPrefix("HTTP/1.1 404"))
            peer.close()
        }
    }
}

/// Carries what one task uses after another.
struct UncheckedBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
