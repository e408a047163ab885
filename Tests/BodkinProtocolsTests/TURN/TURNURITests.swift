import Testing

@testable import BodkinProtocols

@Suite("Addresses of TURN relays")
struct TURNURITests {
    private static let key = String(repeating: "A", count: 43)

    @Test(
        "what is one is read, and written in one form",
        arguments: [
            ("turn:relay.example.org", "turn:relay.example.org:3478?transport=tcp"),
            ("turn:192.0.2.1:80?transport=tcp", "turn:192.0.2.1:80?transport=tcp"),
            ("turns:[2001:db8::1]", "turns:[2001:db8::1]:5349"), ("turns:relay:443#\(key)", "turns:relay:443#\(key)"),
        ])
    func reads(_ text: String, _ form: String) throws {
        let uri = try TURNURI(text)
        #expect("\(uri)" == form)
        #expect(try TURNURI(form) == uri)
    }

    @Test(
        "what is none is refused, with what to write",
        arguments: [
            "", "relay", "stun:relay", "turn:", "turn:relay:0", "turn:relay:99999", "turn:relay?transport=udp", "turn:relay#\(key)", "turns:relay#AA",
            "turns:\(String(repeating: "a", count: 400))", "turns:a b", "turn://relay",
        ])
    func refuses(_ text: String) {
        #expect { try TURNURI(text) } throws: { "\($0)".contains("turn:HOST:PORT?transport=tcp") }
    }
}
