import BodkinProtocols
import Testing

@Suite("URLs of rendezvous servers")
struct RendezvousURLTests {
    private static let key = [UInt8](0..<32)
    private static let keyText = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

    /// URLs in the form in which they are written.
    static let written: [(String, RendezvousURL)] = [
        ("bodkin://rendezvous.example.org/", RendezvousURL(hosts: [.init("rendezvous.example.org", 443)], keyHash: nil, token: nil)),
        ("bodkin://203.0.113.1:4433/", RendezvousURL(hosts: [.init("203.0.113.1", 4433)], keyHash: nil, token: nil)),
        ("bodkin://[2001:db8::1]/", RendezvousURL(hosts: [.init("2001:db8::1", 443)], keyHash: nil, token: nil)),
        (
            "bodkin://[2001:db8::1]:4433,203.0.113.1,a.example:1/?key=\(keyText)&token=-_8AAAAAAAA&stun=3479",
            RendezvousURL(
                hosts: [.init("2001:db8::1", 4433), .init("203.0.113.1", 443), .init("a.example", 1)], keyHash: key,
                token: [0xFB, 0xFF, 0, 0, 0, 0, 0, 0], stunPort: 3479)
        ),
        (
            "bodkin://a/?key=\(keyText),\(String(repeating: "A", count: 43))",
            RendezvousURL(hosts: [.init("a", 443)], keyHash: key, nextKeyHash: Array(repeating: 0, count: 32), token: nil)
        ),
        ("bodkin://a/?stun=65535", RendezvousURL(hosts: [.init("a", 443)], keyHash: nil, token: nil, stunPort: 65_535)),
    ]

    @Test("they are read as they are written", arguments: written)
    func roundTrip(_ text: String, _ url: RendezvousURL) throws {
        #expect(try RendezvousURL(text) == url)
        #expect(url.description == text)
    }

    /// Other ways to write the same.
    static let otherForms: [(String, String)] = [
        ("bodkin://a", "bodkin://a/"), ("bodkin://a:443", "bodkin://a/"), ("bodkin://a?stun=3478", "bodkin://a/"),
        ("bodkin://a/?key=\(keyText)&key=\(String(repeating: "A", count: 43))", "bodkin://a/?key=\(keyText),\(String(repeating: "A", count: 43))"),
        ("bodkin://[192.0.2.1]:5", "bodkin://192.0.2.1:5/"), ("bodkin://a/?later=1&stun=9&&more", "bodkin://a/?stun=9"),
    ]

    @Test("what is left out or unknown changes nothing", arguments: otherForms)
    func lenient(_ text: String, _ canonical: String) throws { #expect(try RendezvousURL(text).description == canonical) }

    @Test("every token and every key comes back as it was", arguments: 8...64)
    func token(_ count: Int) throws {
        var url = RendezvousURL(hosts: [.init("a", 443)], keyHash: Self.key, token: (0..<count).map { UInt8(truncatingIfNeeded: $0 * 73) })
        #expect(try RendezvousURL(url.description) == url)
        url.keyHash = Array(repeating: 0xFF, count: 32)
        #expect(try RendezvousURL(url.description) == url)
    }

    /// Texts that are no URL, and a word of what the error says of each.
    static let mistakes: [(String, String)] = [
        ("", "begin"), ("https://a/", "begin"), ("a:443", "begin"), ("bodkin:a", "begin"), ("BODKIN://a/", "begin"),
        ("bodkin://", "host"), ("bodkin:///", "host"), ("bodkin://?key=1", "host"), ("bodkin://a,/", "host"), ("bodkin://,a/", "host"),
        ("bodkin://a:/", "host"), ("bodkin://a:0/", "host"), ("bodkin://a:65536/", "host"), ("bodkin://a:x/", "host"), ("bodkin://a:-1/", "host"),
        ("bodkin://2001:db8::1/", "host"), ("bodkin://[2001:db8::1/", "host"), ("bodkin://[]/", "host"), ("bodkin://[::1]5/", "host"),
        ("bodkin://[[a]/", "host"), ("bodkin://a]/", "host"), ("bodkin://user@a/", "host"), ("bodkin://a/path", "host"), ("bodkin://a b/", "host"),
        ("bodkin://\(String(repeating: "a", count: 256))/", "host"),
        ("bodkin://a,b,c,d,e,f,g,h,i/", "more than 8"),
        ("bodkin://a/?key=", "key"), ("bodkin://a/?key=AAEC", "key"), ("bodkin://a/?key=\(keyText)A", "key"), ("bodkin://a/?key", "key"),
        ("bodkin://a/?key=\(keyText.dropLast())", "key"), ("bodkin://a/?key=\(keyText.dropLast())*", "key"), ("bodkin://a/?key=\(keyText)=", "key"),
        ("bodkin://a/?key=\(keyText),", "key"), ("bodkin://a/?key=,\(keyText)", "key"),
        ("bodkin://a/?key=\(keyText),\(keyText),\(keyText)", "more than two keys"),
        ("bodkin://a/?key=\(keyText),\(keyText)&key=\(keyText)", "more than two keys"),
        ("bodkin://a/?token=", "token"), ("bodkin://a/?token=AAECAwQFBg", "token"), ("bodkin://a/?token=!!!!!!!!!!!!", "token"),
        ("bodkin://a/?token=+/8AAAAAAAA", "token"), ("bodkin://a/?token=\(String(repeating: "A", count: 88))", "token"),
        ("bodkin://a/?token=\(String(repeating: "A", count: 100_000))", "token"),
        ("bodkin://a/?stun=", "STUN"), ("bodkin://a/?stun=0", "STUN"), ("bodkin://a/?stun=70000", "STUN"), ("bodkin://a/?stun=three", "STUN"),
    ]

    @Test("every mistake is named, with what to do about it", arguments: mistakes)
    func refused(_ text: String, _ word: String) {
        do {
            let url = try RendezvousURL(text)
            Issue.record("\(text.prefix(60)) was read as \(url)")
        } catch {
            #expect(error.message.contains(word), "\(error)")
            #expect(error.message.hasSuffix("Copy the whole URL that the server printed."))
            #expect(error.message.count < 400, "an error is one line, whatever was given")
        }
    }

    @Test("for logs there are the hosts alone")
    func authority() throws {
        let url = try RendezvousURL("bodkin://[2001:db8::1]:4433,a/?token=AAECAwQFBgcI")
        #expect(url.authority == "[2001:db8::1]:4433,a")
    }
}
