import BodkinCore
import BodkinProtocols
import Testing

@Suite("STUN messages")
struct STUNMessageTests {
    private func message(_ body: [UInt8], type: [UInt8] = [0, 1]) -> [UInt8] {
        type + [UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + hex("2112a442 000102030405060708090a0b") + body
    }

    @Test(
        "class and method share the type's bits (section 5)",
        arguments: [
            (0x0001, STUNMessage.Class.request, 1), (0x0011, .indication, 1), (0x0101, .success, 1), (0x0111, .error, 1),
            (0x0003, .request, 3), (0x0113, .error, 3), (0x3EEF, .request, 0xFFF), (0x3FFF, .error, 0xFFF), (0x0200, .request, 0x80),
            (0x0020, .request, 0x10),
        ] as [(UInt16, STUNMessage.Class, UInt16)])
    func kinds(type: UInt16, kind: STUNMessage.Class, method: UInt16) throws {
        let bytes = message([], type: [UInt8(type >> 8), UInt8(type & 0xFF)])
        let read = try STUNMessage(bytes)
        #expect(read.class == kind && read.method.rawValue == method)
        #expect(read.bytes == bytes)
    }

    @Test("no method has more than twelve bits")
    func methods() { #expect(STUNMessage.Method(rawValue: 0x1000) == nil && STUNMessage.Method(rawValue: 0xFFF) != nil) }

    @Test(
        "what is no message is refused with its reason",
        arguments: [
            ("", STUNError.Code.wrongLength), ("0001", .wrongLength), ("0001 0000 2112a442 0001020304050607 08090a", .wrongLength),
            ("0001 0004 2112a442 000102030405060708090a0b", .wrongLength), ("0001 0000 2112a442 000102030405060708090a0b 00", .wrongLength),
            ("4001 0000 2112a442 000102030405060708090a0b", .notSTUN), ("8001 0000 2112a442 000102030405060708090a0b", .notSTUN),
            ("0001 0000 2112a443 000102030405060708090a0b", .notSTUN), ("0001 0003 2112a442 000102030405060708090a0b 000000", .notSTUN),
            ("0001 07f0 2112a442 000102030405060708090a0b", .tooLarge), ("0001 fffc 2112a442 000102030405060708090a0b", .tooLarge),
            ("0001 0004 2112a442 000102030405060708090a0b 0006 0001", .malformedAttribute),
            ("0001 0008 2112a442 000102030405060708090a0b 0006 ffff 61616161", .malformedAttribute),
            ("0001 0008 2112a442 000102030405060708090a0b 8028 0004 00000000", .wrongFingerprint),
            ("474554202f20485454502f312e310d0a0d0a0000", .notSTUN), ("1603010200010001fc0303000102030405060708", .notSTUN),
        ])
    func refused(text: String, code: STUNError.Code) {
        let error = #expect(throws: STUNError.self) { try STUNMessage(hex(text)) }
        #expect(error?.code == code)
    }

    @Test("nothing may follow a FINGERPRINT")
    func afterFingerprint() throws {
        var bytes = STUNMessage.bindingRequest().bytes
        bytes += hex("8022 0000")
        bytes[3] += 4
        let error = #expect(throws: STUNError.self) { try STUNMessage(bytes) }
        #expect(error?.code == .wrongFingerprint)
    }

    @Test("a message of the largest size is read, one above is not")
    func largest() throws {
        func padded(_ count: Int) -> [UInt8] { message([0x80, 0x22, UInt8(count >> 8), UInt8(count & 0xFF)] + Array(repeating: 0x61, count: count)) }
        #expect(try STUNMessage(padded(2024)).size == 2048)
        #expect(throws: STUNError.self) { try STUNMessage(padded(2028)) }
    }

    @Test("what would leave no room for a seal is not appended")
    func full() throws {
        var message = STUNMessage(.request, .binding)
        try message.append(STUNMessage.Padding(count: 1900))
        #expect(throws: STUNError.self) { try message.append(STUNMessage.Padding(count: 60)) }
        try message.append(STUNMessage.Padding(count: 52))
        message.seal(key: [1], [.sha1, .sha256])
        #expect(message.size == 2048)
        #expect(try STUNMessage(message.bytes) == message)
    }

    @Test("of several attributes of a type the first counts")
    func first() throws {
        let read = try STUNMessage(message(hex("8022 0001 61000000 8022 0001 62000000")))
        #expect(read.attributes.count == 2)
        #expect(try read.attribute(STUNMessage.Software.self)?.text == "a")
    }

    @Test("unknown required attributes are listed once, in order; optional ones are not")
    func unknown() throws {
        let read = try STUNMessage(message(hex("7ffe 0000 0024 0000 8029 0000 7ffe 0000 0006 0000 0003 0000")))
        #expect(read.unknownRequired().map(\.rawValue) == [0x7FFE, 0x0024, 0x0003])
        #expect(read.unknownRequired(besides: .init([.changeRequest, .username])).map(\.rawValue) == [0x7FFE, 0x0024])
    }

    @Test("transaction IDs have 12 bytes, and are not repeated")
    func transactionIDs() {
        #expect(STUNMessage.TransactionID(bytes: [1, 2, 3]) == nil)
        #expect(Set((0..<100).map { _ in STUNMessage.TransactionID.random() }).count == 100)
    }
}
