import BodkinProtocols
import Testing

@Suite("Attributes of RFC 5780 and of passwords")
struct DiscoveryAttributeTests {
    @Test(
        "CHANGE-REQUEST has two flags",
        arguments: [(false, false, "00000000"), (true, false, "00000004"), (false, true, "00000002"), (true, true, "00000006")])
    func change(address: Bool, port: Bool, text: String) throws {
        let change = STUNMessage.ChangeRequest(address: address, port: port)
        #expect(change.value(in: .random()) == hex(text))
        #expect(try STUNMessage.ChangeRequest(value: hex(text), in: .random()) == change)
        #expect(throws: STUNError.self) { try STUNMessage.ChangeRequest(value: hex(text + "00"), in: .random()) }
    }

    @Test("RESPONSE-PORT is a port, with or without its padding counted")
    func port() throws {
        #expect(STUNMessage.ResponsePort(3478).value(in: .random()) == hex("0d96"))
        for text in ["0d96", "0d960000"] { #expect(try STUNMessage.ResponsePort(value: hex(text), in: .random()).port == 3478) }
        for text in ["", "0d", "0d9600"] { #expect(throws: STUNError.self) { try STUNMessage.ResponsePort(value: hex(text), in: .random()) } }
    }

    @Test("PADDING is bounded")
    func padding() throws {
        #expect(STUNMessage.Padding(count: .max).count == STUNMessage.maximumSize && STUNMessage.Padding(count: -1).count == 0)
        #expect(try STUNMessage.Padding(value: [1, 2, 3], in: .random()).count == 3)
    }

    @Test("password algorithms follow one another, parameters of unknown ones are skipped")
    func algorithms() throws {
        let read = try STUNMessage.PasswordAlgorithms(value: hex("7fff0003 aabbcc00 00020000 00010000"), in: .random())
        #expect(read.algorithms.map(\.number) == [0x7FFF, 2, 1])
        #expect(Array(read.algorithms.dropFirst()) == [.sha256, .md5])
        #expect(throws: STUNError.self) { try STUNMessage.PasswordAlgorithms(value: hex("0002ffff 0000"), in: .random()) }
        #expect(throws: STUNError.self) { try STUNMessage.PasswordAlgorithm(value: hex("00020000 00010000"), in: .random()) }
        #expect(throws: STUNError.self) { try STUNMessage.UserHash(value: [1], in: .random()) }
    }
}
