import BodkinProtocols
import Testing

@Suite("Integrity of STUN messages")
struct IntegrityTests {
    private let key: [UInt8] = Array("secret".utf8)

    private func request(_ integrity: Set<STUNMessage.Integrity>) throws -> STUNMessage {
        STUNMessage.bindingRequest(credential: try STUNCredential(username: "peer", key: key), integrity: integrity)
    }

    @Test("a request carries name, both codes and the fingerprint, in that order")
    func order() throws {
        #expect(try request([.sha1, .sha256]).attributes.map(\.type) == [.username, .messageIntegrity, .messageIntegritySHA256, .fingerprint])
        #expect(try request([]).attributes.map(\.type) == [.username, .fingerprint])
    }

    @Test(
        "the stronger code decides",
        arguments: [([.sha1], .sha1), ([.sha256], .sha256), ([.sha1, .sha256], .sha256), ([], nil)]
            as [(Set<STUNMessage.Integrity>, STUNMessage.Integrity?)])
    func verified(integrity: Set<STUNMessage.Integrity>, expected: STUNMessage.Integrity?) throws {
        let read = try STUNMessage(request(integrity).bytes)
        #expect(read.verifiedIntegrity(key: key) == expected)
        #expect(read.verifiedIntegrity(key: Array("wrong".utf8)) == nil)
        #expect(read.hasIntegrity == (expected != nil))
    }

    @Test("a good HMAC-SHA1 beside a wrong HMAC-SHA256 proves nothing")
    func wrongStronger() throws {
        var bytes = try request([.sha1, .sha256]).bytes.dropLast(8)
        bytes[3] -= 8
        bytes[bytes.count - 1] ^= 1
        #expect(try STUNMessage(Array(bytes)).verifiedIntegrity(key: key) == nil)
    }

    @Test("a truncated code proves nothing, as this usage does not allow it")
    func truncated() throws {
        var bytes = try request([.sha256]).bytes.dropLast(8 + 16)
        bytes[3] -= 8 + 16
        bytes[bytes.count - 17] = 16
        let read = try STUNMessage(Array(bytes))
        #expect(read.contains(.messageIntegritySHA256) && read.verifiedIntegrity(key: key) == nil)
        #expect(throws: STUNError.self) { try read.attribute(STUNMessage.MessageIntegritySHA256.self) }
    }

    /// Section 9: what follows an integrity attribute has not been signed.
    @Test("attributes behind a code are ignored", arguments: [STUNMessage.Integrity.sha1, .sha256])
    func ignored(integrity: STUNMessage.Integrity) throws {
        var bytes = try request([integrity]).bytes.dropLast(8)
        bytes += hex("8022 0001 61000000 7fff 0000")
        bytes[3] += 12 - 8
        let read = try STUNMessage(Array(bytes))
        #expect(try read.attribute(STUNMessage.Software.self) == nil)
        #expect(read.unknownRequired() == [])
        #expect(read.attributes.map(\.type.rawValue).suffix(2) == [0x8022, 0x7FFF])
        #expect(read.verifiedIntegrity(key: key) == integrity)
    }

    @Test("MESSAGE-INTEGRITY behind MESSAGE-INTEGRITY-SHA256 is ignored")
    func wrongOrder() throws {
        var bytes = try request([.sha256]).bytes.dropLast(8)
        bytes += hex("0008 0014") + Array(repeating: 0, count: 20)
        bytes[3] += 24 - 8
        let read = try STUNMessage(Array(bytes))
        #expect(!read.contains(.messageIntegrity))
        #expect(read.verifiedIntegrity(key: key) == .sha256)
    }

    @Test("a second seal replaces the first")
    func resealed() throws {
        var message = try request([.sha1, .sha256])
        message.seal(key: Array("other".utf8), [.sha1], fingerprint: false)
        #expect(message.attributes.map(\.type) == [.username, .messageIntegrity])
        #expect(message.verifiedIntegrity(key: Array("other".utf8)) == .sha1)
    }

    @Test("a name of 508 bytes is accepted, one of 509 refused")
    func longName() throws {
        _ = try STUNCredential(username: String(repeating: "a", count: 508), key: key)
        #expect(throws: STUNError.self) { try STUNCredential(username: String(repeating: "a", count: 509), key: key) }
    }
}
