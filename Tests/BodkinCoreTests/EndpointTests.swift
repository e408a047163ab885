import BodkinCore
import Testing

@Suite("Addresses and endpoints")
struct EndpointTests {
    @Test("an endpoint is written as it is read", arguments: ["192.0.2.1:80", "[2001:db8::1]:443", "0.0.0.0:0"])
    func roundTrip(text: String) { #expect(Endpoint(text)?.description == text) }

    @Test(
        "what is no endpoint is refused", arguments: ["", ":", "192.0.2.1", "2001:db8::1:80", "[192.0.2.1]:80", "192.0.2.1:65536", "host:80", "[]:1"])
    func refused(text: String) { #expect(Endpoint(text) == nil) }

    @Test("a prefix holds its addresses and no others")
    func prefix() throws {
        let prefix = try #require(IPPrefix("2001:db8:a::/48"))
        #expect(prefix.contains(try #require(IPAddress("2001:db8:a:ffff::1"))))
        #expect(!prefix.contains(try #require(IPAddress("2001:db8:b::1"))))
        #expect(!prefix.contains(try #require(IPAddress("10.0.0.1"))))
        #expect(IPPrefix("10.0.0.0/33") == nil)
        #expect(IPPrefix("192.168.1.77/24")?.description == "192.168.1.0/24")
    }

    @Test("an address survives its bytes", arguments: ["203.0.113.7", "2001:db8::ffff:1"])
    func bytes(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(IPAddress(bytes: address.bytes) == address)
    }
}
