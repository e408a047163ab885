import BodkinCore
import BodkinProtocols
import Testing

@Suite("Address attributes")
struct AddressAttributeTests {
    private static let endpoints = ["192.0.2.1:32853", "0.0.0.0:0", "[2001:db8::1]:65535", "[::ffff:192.0.2.1]:1"]

    private func check<Value: STUNMessage.Attribute>(_ make: (Endpoint) -> Value, _ endpoint: KeyPath<Value, Endpoint>, _ text: String) throws {
        let expected = try #require(Endpoint(text))
        var message = STUNMessage(.success, .binding)
        try message.append(make(expected))
        let read = try #require(try STUNMessage(message.bytes).attribute(Value.self))
        #expect(read[keyPath: endpoint] == expected)
    }

    @Test("an endpoint survives each of them, IPv4 and IPv6", arguments: endpoints)
    func roundTrip(text: String) throws {
        try check(STUNMessage.MappedAddress.init, \.endpoint, text)
        try check(STUNMessage.XORMappedAddress.init, \.endpoint, text)
        try check(STUNMessage.ResponseOrigin.init, \.endpoint, text)
        try check(STUNMessage.OtherAddress.init, \.endpoint, text)
    }

    @Test("MAPPED-ADDRESS is plain, XOR-MAPPED-ADDRESS is masked")
    func bytes() throws {
        let endpoint = try #require(Endpoint("192.0.2.1:32853"))
        let id = try #require(STUNMessage.TransactionID(bytes: hex("b7e7a701bc34d686fa87dfae")))
        #expect(STUNMessage.MappedAddress(endpoint).value(in: id) == hex("0001 8055 c0000201"))
        #expect(STUNMessage.XORMappedAddress(endpoint).value(in: id) == hex("0001 a147 e112a643"))
    }

    @Test(
        "a wrong family, or a size that is not the family's, is refused",
        arguments: [
            "", "0001", "0001 8055 c00002", "0001 8055 c000020100", "0002 8055 c0000201", "0003 8055 c0000201",
            "0001 8055 \(String(repeating: "00", count: 16))",
        ])
    func malformed(text: String) {
        #expect(throws: STUNError.self) { try STUNMessage.MappedAddress(value: hex(text), in: .random()) }
        #expect(throws: STUNError.self) { try STUNMessage.XORMappedAddress(value: hex(text), in: .random()) }
        #expect(throws: STUNError.self) { try STUNMessage.OtherAddress(value: hex(text), in: .random()) }
        #expect(throws: STUNError.self) { try STUNMessage.ResponseOrigin(value: hex(text), in: .random()) }
    }
}
