import Bodkin
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinServer
import BodkinTransport
import FoundationEssentials
import Testing

/// A front that shares a port between the server and others: HAProxy passes TLS on untouched, by what it reads in the ClientHello.
@Suite("A front before the server", .enabled(if: Front.isInstalled, "HAProxy is not installed: make test installs it"), .timeLimit(.minutes(1)))
struct FrontTests {
    /// What a front reads, what the URL names, and whether that leads to the server.
    static let cases: [(rule: String, host: String, isReached: Bool)] = [
        ("req.ssl_sni -i localhost", "localhost", true), ("req.ssl_alpn bodkin-rendezvous/1", "localhost", true),
        ("req.ssl_alpn bodkin-rendezvous/1", "127.0.0.1", true), ("req.ssl_sni -i localhost", "127.0.0.1", false),
    ]

    @Test("leads peers to the server by the name in the URL, or by ALPN", arguments: cases)
    func routes(_ rule: String, _ host: String, _ isReached: Bool) async throws {
        let identity = try Identity.create()
        var configuration = RendezvousServer.Configuration(hosts: [host], credentials: .identity(identity), admission: .open)
        configuration.bindAddresses = [IPAddress(v4: 0x7F00_0001)]
        configuration.port = .random(in: 20_000..<32_000)
        configuration.stunPort = configuration.port + 1
        let front = Front(port: configuration.port + 3, server: configuration.port, rule: rule)
        let url = RendezvousURL(
            hosts: [.init(host, front.port)], keyHash: try CertificateIdentity(identity).publicKeyHash(), token: nil, stunPort: configuration.stunPort
        )
        var settings = Peer.Configuration(identity: try .create(), rendezvous: url)
        settings.paths = .relayOnly
        let (reasons, continuation) = AsyncStream.makeStream(of: String.self)
        settings.onEvent = { if case .awaitingServer(let reason) = $0.kind { continuation.yield(reason) } }
        try await front.run { [settings, configuration] in
            try await withRendezvousServer(RendezvousServer(configuration)) { _ in
                try await withPeer(settings) { peer in
                    if isReached { return try await peer.registered() }
                    var told = reasons.makeAsyncIterator()
                    #expect(await told.next()?.contains("closed the connection") == true)
                }
            }
        }
    }
}

/// HAProxy on loopback.
private struct Front {
    static let isInstalled = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"].contains {
        FileManager.default.isExecutableFile(atPath: "\($0)/haproxy")
    }

    let port: UInt16
    /// Where the server listens, and which ClientHellos are for it; others are closed.
    let server: UInt16
    let rule: String

    /// Runs it while `body` runs.
    func run(_ body: () async throws -> Void) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "bodkin-front-\(UInt64.random(in: 0 ... .max))").path()
        let configuration = """
            defaults
                mode tcp
                timeout connect 5s
                timeout client 60s
                timeout server 60s
            frontend shared
                bind 127.0.0.1:\(port)
                tcp-request inspect-delay 5s
                tcp-request content accept if { req.ssl_hello_type 1 }
                use_backend rendezvous if { \(rule) }
            backend rendezvous
                server rendezvous 127.0.0.1:\(server)

            """
        try Data(configuration.utf8).write(to: URL(filePath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        let program = try Program("PATH=$PATH:/usr/sbin exec timeout -k 1 60 haproxy -db -f \(file) >/dev/null 2>&1")
        try await program.run {
            let end = ContinuousClock.now + .seconds(20)
            while (try? await TestStream(Endpoint(IPAddress(v4: 0x7F00_0001), port)).close()) == nil, .now < end {
                try await Task.sleep(for: .milliseconds(20))
            }
            try await body()
        }
    }
}
