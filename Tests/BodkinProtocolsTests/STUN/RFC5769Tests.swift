import BodkinCore
import BodkinProtocols
import Crypto
import Testing

/// The messages of RFC 5769 sections 2.1 to 2.4, as printed there.
enum RFC5769 {
    static let password = Array("VOkJxbRl1RmTxUk/WvJxBt".utf8)
    static let username = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}"
    static let realm = "example.org"

    static let request = hex(
        """
        0001 0058 2112a442 b7e7a701 bc34d686 fa87dfae
        8022 0010 5354554e 20746573 7420636c 69656e74
        0024 0004 6e0001ff
        8029 0008 932ff9b1 51263b36
        0006 0009 6576746a 3a683676 59202020
        0008 0014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2
        8028 0004 e57a3bcf
        """)
    static let ipv4Response = hex(
        """
        0101 003c 2112a442 b7e7a701 bc34d686 fa87dfae
        8022 000b 74657374 20766563 746f7220
        0020 0008 0001a147 e112a643
        0008 0014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7
        8028 0004 c07d4c96
        """)
    static let ipv6Response = hex(
        """
        0101 0048 2112a442 b7e7a701 bc34d686 fa87dfae
        8022 000b 74657374 20766563 746f7220
        0020 0014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
        0008 0014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41
        8028 0004 c8fb0b4c
        """)
    static let longTermRequest = hex(
        """
        0001 0060 2112a442 78ad3433 c6ad72c0 29da412e
        0006 0012 e3839ee3 8388e383 aae38383 e382afe3 82b90000
        0015 001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341
        0014 000b 6578616d 706c652e 6f726700
        0008 0014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666
        """)
}

@Suite("The test vectors of RFC 5769")
struct RFC5769Tests {
    @Test(
        "each message is read and written again byte for byte, whatever its padding",
        arguments: [RFC5769.request, RFC5769.ipv4Response, RFC5769.ipv6Response, RFC5769.longTermRequest])
    func roundTrip(bytes: [UInt8]) throws { #expect(try STUNMessage(bytes).bytes == bytes) }

    @Test("section 2.1: the request's name, integrity and unknown attributes")
    func request() throws {
        let message = try STUNMessage(RFC5769.request)
        #expect(message.class == .request && message.method == .binding)
        #expect(message.transactionID.description == "b7e7a701bc34d686fa87dfae")
        #expect(try message.attribute(STUNMessage.Software.self)?.text == "STUN test client")
        #expect(try message.attribute(STUNMessage.Username.self)?.text == "evtj:h6vY")
        #expect(message.verifiedIntegrity(key: RFC5769.password) == .sha1)
        // PRIORITY of ICE; ICE-CONTROLLED need not be understood.
        #expect(message.unknownRequired().map(\.rawValue) == [0x0024])
    }

    @Test(
        "sections 2.2 and 2.3: the responses' addresses and integrity",
        arguments: [
            (RFC5769.ipv4Response, "192.0.2.1:32853"),
            (RFC5769.ipv6Response, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
        ])
    func response(bytes: [UInt8], endpoint: String) throws {
        let message = try STUNMessage(bytes)
        #expect(message.class == .success)
        #expect(try message.attribute(STUNMessage.Software.self)?.text == "test vector")
        #expect(try message.attribute(STUNMessage.XORMappedAddress.self)?.endpoint == Endpoint(endpoint))
        #expect(message.verifiedIntegrity(key: RFC5769.password) == .sha1)
    }

    @Test("section 2.4: the long-term request, made from its parts")
    func longTerm() throws {
        let key = Array(Insecure.MD5.hash(data: Array("\(RFC5769.username):\(RFC5769.realm):TheMatrIX".utf8)))
        let read = try STUNMessage(RFC5769.longTermRequest)
        #expect(read.verifiedIntegrity(key: key) == .sha1)
        var made = STUNMessage(.request, .binding, transactionID: read.transactionID)
        try made.append(STUNMessage.Username(RFC5769.username))
        try made.append(STUNMessage.Nonce("f//499k954d6OL34oL9FSTvy64sA"))
        try made.append(STUNMessage.Realm(RFC5769.realm))
        made.seal(key: key, [.sha1], fingerprint: false)
        #expect(made.bytes == RFC5769.longTermRequest)
    }

    @Test("any changed bit is found out, by fingerprint and by integrity", arguments: [RFC5769.request, RFC5769.ipv4Response, RFC5769.ipv6Response])
    func tampering(bytes: [UInt8]) throws {
        var attempts = 0
        for index in 20..<bytes.count - 8 {
            var changed = bytes
            changed[index] ^= 1
            // Whatever is refused must be so for a reason that the change explains; most is caught by the CRC.
            #expect(throws: STUNError.self) { try STUNMessage(changed) }
            var unprinted = changed.dropLast(8)
            unprinted[3] -= 8
            guard let message = try? STUNMessage(Array(unprinted)) else { continue }
            attempts += 1
            #expect(message.verifiedIntegrity(key: RFC5769.password) == nil, "byte \(index)")
        }
        #expect(attempts > 40)
    }

    @Test("another key verifies nothing")
    func otherKey() throws {
        let message = try STUNMessage(RFC5769.request)
        #expect(message.verifiedIntegrity(key: Array(RFC5769.password.dropLast())) == nil)
        #expect(message.verifiedIntegrity(key: []) == nil)
    }
}
