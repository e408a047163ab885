import BodkinProtocols
import Crypto
import Testing

@Suite("The test vector of RFC 8489 appendix B.1, with the verified erratum 6268")
struct RFC8489Tests {
    private static let request = hex(
        """
        0001 0090 2112a442 78ad3433 c6ad72c0 29da412e
        001e 0020 4a3cf38f ef6992bd a952c678 0417da0f 24819415 569e60b2 05c46e41 407f1704
        0015 0029 6f624d61 744a6f73 32414141 43662f2f 3439396b 39353464 364f4c33 346f4c39 46535476 79363473 41000000
        0014 000b 6578616d 706c652e 6f726700
        001d 0004 00020000
        001c 0020 b5c7bf00 5b6c52a2 1c51c5e8 92f81924 136296cb 927c4314 9309278c c6518e65
        """)

    @Test("MESSAGE-INTEGRITY-SHA256, USERHASH and PASSWORD-ALGORITHM, read and made from their parts")
    func request() throws {
        let key = Array(SHA256.hash(data: Array("\(RFC5769.username):\(RFC5769.realm):TheMatrIX".utf8)))
        let read = try STUNMessage(Self.request)
        #expect(read.verifiedIntegrity(key: key) == .sha256)
        let userHash = STUNMessage.UserHash(username: RFC5769.username, realm: RFC5769.realm)
        #expect(try read.attribute(STUNMessage.UserHash.self) == userHash)
        #expect(try read.attribute(STUNMessage.PasswordAlgorithm.self) == .sha256)
        var made = STUNMessage(.request, .binding, transactionID: read.transactionID)
        try made.append(userHash)
        try made.append(STUNMessage.Nonce("obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA"))
        try made.append(STUNMessage.Realm(RFC5769.realm))
        try made.append(STUNMessage.PasswordAlgorithm.sha256)
        made.seal(key: key, [.sha256], fingerprint: false)
        #expect(made.bytes == Self.request)
    }
}
