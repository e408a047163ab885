import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinServer
import FoundationEssentials
import Testing

@Suite("TLS as OpenSSL sees it", .timeLimit(.minutes(1)))
struct TLSTests {
    private func client(_ listening: RendezvousServer.Listening, _ options: String) async throws -> String {
        let port = try #require(listening.rendezvous.first?.port)
        return try await output(of: "openssl s_client -connect 127.0.0.1:\(port) \(options)")
    }

    @Test("TLS 1.3 is spoken, TLS 1.2 is refused with the alert that says why")
    func versions() async throws {
        try await withServer { listening in
            let modern = try await client(listening, "-tls1_3 -alpn bodkin-rendezvous/1")
            #expect(modern.contains("New, TLSv1.3") && modern.contains("ALPN protocol: bodkin-rendezvous/1"), "\(modern)")
            let old = try await client(listening, "-tls1_2 -alpn bodkin-rendezvous/1")
            #expect(old.contains("alert protocol version"), "\(old)")
        }
    }

    @Test("a client without the ALPN, or without an Ed25519 key, gets no answer", arguments: ["alpn", "none", "ecdsa"])
    func clients(_ kind: String) async throws {
        try await withServer { listening in
            let directory = FileManager.default.temporaryDirectory.appending(path: "bodkin-tls-\(UInt64.random(in: 0 ... .max))").path()
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let algorithm = kind == "ecdsa" ? "ec -pkeyopt ec_paramgen_curve:P-256" : "ed25519"
            _ = try await output(
                of: "openssl req -x509 -newkey \(algorithm) -nodes -keyout \(directory)/key -out \(directory)/cert -subj /CN=x -days 2")
            let certificate = kind == "none" ? "" : "-cert \(directory)/cert -key \(directory)/key"
            let alpn = kind == "alpn" ? "" : "-alpn bodkin-rendezvous/1"
            // A hello of the right kind: a refused client never gets an answer to it.
            let port = try #require(listening.rendezvous.first?.port)
            let said = try await output(
                of: "(printf \"\\002\\012\\000\"; sleep 1) | openssl s_client -quiet -connect 127.0.0.1:\(port) \(certificate) \(alpn) | wc -c")
            #expect(said.split(whereSeparator: \.isNewline).last == "0", "\(said)")
        }
    }

    @Test("the same hello from an Ed25519 client with the ALPN is answered")
    func control() async throws {
        try await withServer { listening in
            let directory = FileManager.default.temporaryDirectory.appending(path: "bodkin-tls-\(UInt64.random(in: 0 ... .max))").path()
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: directory) }
            _ = try await output(
                of: "openssl req -x509 -newkey ed25519 -nodes -keyout \(directory)/key -out \(directory)/cert -subj /CN=x -days 2")
            let port = try #require(listening.rendezvous.first?.port)
            let said = try await output(
                of:
                    "(printf \"\\002\\012\\000\"; sleep 4) | openssl s_client -quiet -connect 127.0.0.1:\(port) -cert \(directory)/cert -key \(directory)/key -alpn bodkin-rendezvous/1"
            )
            #expect(said.contains("The server speaks version 1"), "\(said)")
        }
    }

    @Test("an operator's certificate serves as well, pinned or not", arguments: [true, false])
    func operators(_ isPinned: Bool) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "bodkin-tls-\(UInt64.random(in: 0 ... .max))").path()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        _ = try await output(
            of:
                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \(directory)/key -out \(directory)/cert -subj /CN=x -days 2"
        )
        try await withServer({ $0.credentials = .certificate(file: "\(directory)/cert", keyFile: "\(directory)/key", isPinned: isPinned) }) {
            listening in
            #expect((listening.url.keyHash != nil) == isPinned)
            if isPinned { _ = try await TestPeer.registered(listening) }
            let said = try await client(listening, "-alpn bodkin-rendezvous/1")
            #expect(said.contains("CN = x") || said.contains("CN=x"), "\(said)")
        }
    }
}
