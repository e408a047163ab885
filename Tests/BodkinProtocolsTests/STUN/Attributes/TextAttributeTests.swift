import BodkinProtocols
import Testing

@Suite("Attributes that are text")
struct TextAttributeTests {
    private func check<Value: STUNMessage.Attribute>(_: Value.Type, limit: Int, _ make: (String) throws -> Value) throws {
        let longest = String(repeating: "a", count: limit)
        #expect(try make(longest).value(in: .random()).count == limit)
        #expect(throws: STUNError.self) { try make(longest + "a") }
        #expect(throws: STUNError.self) { try Value(value: Array(repeating: 0x61, count: limit + 1), in: .random()) }
        #expect(throws: STUNError.self) { try Value(value: [0xC3, 0x28], in: .random()) }
        #expect(try Value(value: Array("マ".utf8), in: .random()) == make("マ"))
    }

    @Test("each has its limit, and is UTF-8")
    func limits() throws {
        try check(STUNMessage.Username.self, limit: 508) { try .init($0) }
        try check(STUNMessage.Realm.self, limit: 763) { try .init($0) }
        try check(STUNMessage.Nonce.self, limit: 763) { try .init($0) }
        try check(STUNMessage.Software.self, limit: 763) { try .init($0) }
    }
}
