import BodkinProtocols
import Testing

@Suite("ERROR-CODE and UNKNOWN-ATTRIBUTES")
struct ErrorAttributeTests {
    @Test("class and number are apart", arguments: [(300, "00000300"), (401, "00000401"), (420, "00000414"), (699, "00000663")])
    func bytes(number: Int, text: String) throws {
        let code = try STUNMessage.ErrorCode(number, "why")
        #expect(code.value(in: .random()) == hex(text) + Array("why".utf8))
        #expect(try STUNMessage.ErrorCode(value: code.value(in: .random()), in: .random()) == code)
    }

    @Test("the reserved bits are ignored")
    func reserved() throws { #expect(try STUNMessage.ErrorCode(value: hex("fffffc01"), in: .random()).number == 401) }

    @Test("numbers that there are not are refused", arguments: ["", "000004", "00000200", "00000700", "00000464", "00000401c328"])
    func malformed(text: String) { #expect(throws: STUNError.self) { try STUNMessage.ErrorCode(value: hex(text), in: .random()) } }

    @Test("unknown attributes are two bytes each, and bounded")
    func unknown() throws {
        let read = try STUNMessage.UnknownAttributes(value: hex("0024 7fff"), in: .random())
        #expect(read.types.map(\.rawValue) == [0x24, 0x7FFF])
        #expect(read.value(in: .random()) == hex("0024 7fff"))
        #expect(throws: STUNError.self) { try STUNMessage.UnknownAttributes(value: [0, 1, 2], in: .random()) }
        #expect(STUNMessage.UnknownAttributes(repeatElement(.padding, count: 5000)).types.count == STUNMessage.UnknownAttributes.limit)
    }
}
