import BodkinCore
import BodkinIdentity
import Crypto
import FoundationEssentials
import Testing

@Suite("Identities")
struct IdentityTests {
    /// Runs `body` with a path in which nothing exists yet, and removes what it leaves.
    private func withPlace(_ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "bodkin-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    @Test("the peer ID is the public key: test 1 of RFC 8032 section 7.1")
    func vector() throws {
        let secret: [UInt8] = [
            0x9D, 0x61, 0xB1, 0x9D, 0xEF, 0xFD, 0x5A, 0x60, 0xBA, 0x84, 0x4A, 0xF4, 0x92, 0xEC, 0x2C, 0xC4, 0x44, 0x49, 0xC5, 0x69, 0x7B, 0x32, 0x69,
            0x19,
            0x70, 0x3B, 0xAC, 0x03, 0x1C, 0xAE, 0x7F, 0x60,
        ]
        let identity = try Identity(Curve25519.Signing.PrivateKey(rawRepresentation: secret))
        #expect(identity.peerID.publicKey.prefix(4) == [0xD7, 0x5A, 0x98, 0x01])
        #expect(identity.peerID.description == "ahlvvgabqkyqvn6vjp7nhslea45a5yls6pnkmizfv4bbu2hxa5irusre")
    }

    @Test("a state directory keeps its identity, with mode 0600, and makes its parents")
    func keeps() async throws {
        try await withPlace { place in
            let first = try Identity.loadOrCreate(in: "\(place)/a/b")
            #expect(try Identity.loadOrCreate(in: "\(place)/a/b").peerID == first.peerID)
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(place)/a/b/\(Identity.fileName)")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(place)/a/b") == [Identity.fileName])
        }
    }

    @Test("many processes that create it at once get one identity")
    func race() async throws {
        try await withPlace { place in
            let peers = try await withThrowingTaskGroup(of: PeerID.self) { group in
                for _ in 0..<16 { group.addTask { try Identity.loadOrCreate(in: place).peerID } }
                return try await group.reduce(into: Set<PeerID>()) { $0.insert($1) }
            }
            #expect(peers.count == 1)
        }
    }

    @Test("nothing is overwritten, and a key that others can read, garbage and nothing are refused with the reason")
    func refused() async throws {
        try await withPlace { place in
            let identity = try Identity.loadOrCreate(in: place)
            let path = "\(place)/\(Identity.fileName)"
            #expect(#expect(throws: IdentityError.self) { try identity.store(to: path) }?.code == .exists)
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
            #expect(#expect(throws: IdentityError.self) { try Identity.load(from: path) }?.code == .exposed)
            try FileManager.default.removeItem(atPath: path)
            #expect(#expect(throws: IdentityError.self) { try Identity.load(from: path) }?.code == .missing)
            #expect(#expect(throws: IdentityError.self) { try Identity.load(from: place) }?.code == .unreadable)
            for garbage in ["", "garbage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", String(repeating: "x", count: 10_000)] {
                try Data(garbage.utf8).write(to: URL(filePath: path))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
                #expect(#expect(throws: IdentityError.self) { try Identity.load(from: path) }?.code == .unreadable)
            }
        }
    }
}
