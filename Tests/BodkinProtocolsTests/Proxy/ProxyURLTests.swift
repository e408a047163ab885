import Testing

@testable import BodkinProtocols

@Suite("The URL of a proxy")
struct ProxyURLTests {
    @Test(
        "names scheme, host, port and credentials",
        arguments: [
            ("http://proxy.example:3128", ProxyURL(.http, .init("proxy.example", 3128))),
            ("proxy.example:3128/", ProxyURL(.http, .init("proxy.example", 3128))),
            ("HTTP://proxy.example", ProxyURL(.http, .init("proxy.example", 80))),
            ("socks5://[2001:db8::1]", ProxyURL(.socks, .init("2001:db8::1", 1080))),
            ("socks5h://u:p@10.0.0.1:9050", ProxyURL(.socks, .init("10.0.0.1", 9050), credentials: .init(user: "u", password: "p"))),
            ("http://a%40b:%3Ac%c3%a4:d@h:1", ProxyURL(.http, .init("h", 1), credentials: .init(user: "a@b", password: ":cä:d"))),
            ("http://u@h:1", ProxyURL(.http, .init("h", 1), credentials: .init(user: "u", password: ""))),
        ])
    func parts(_ text: String, _ expected: ProxyURL) throws { #expect(try ProxyURL(text) == expected) }

    @Test(
        "is refused with what to do, and without what was written",
        arguments: [
            "", "http://", "https://secret:secret@h", "ftp://secret", "http://:secret@h:1", "http://sec%ret:x@h", "http://u:secret%0d%0a@h",
            "http://secret@",
            "http://u:secret@h:0", "http://u:secret@h:70000", "http://u%ff:secret@h", "socks5h://u:\(String(repeating: "secret", count: 50))@h",
        ])
    func refused(_ text: String) {
        #expect {
            try ProxyURL(text)
        } throws: {
            let message = "\($0)"
            return message.contains("http://HOST:PORT") && !message.contains("secret") || message.contains("%XX") && !message.contains("secret")
        }
    }

    @Test("shows its credentials nowhere")
    func secrecy() throws {
        let proxy = try ProxyURL("http://user:secret@h:8080")
        var dumped = ""
        dump(proxy, to: &dumped)
        for text in ["\(proxy)", "\(String(reflecting: proxy))", "\(String(describing: proxy.credentials))", dumped] {
            #expect(!text.contains("secret") && !text.contains("user:"), "\(text)")
        }
        #expect("\(proxy)" == "http://h:8080")
    }
}

@Suite("The proxy that the environment names")
struct ProxyEnvironmentTests {
    /// Variables, a host, and the proxy.
    static let cases: [(variables: [String: String], host: String, port: UInt16, proxy: String?)] = [
        ([:], "server.example", 443, nil),
        (["https_proxy": "http://a:1"], "server.example", 443, "http://a:1"),
        (["HTTPS_PROXY": "http://b:1", "all_proxy": "socks5h://c:2"], "server.example", 443, "http://b:1"),
        (["https_proxy": "", "ALL_PROXY": "socks5h://c:2"], "server.example", 443, "socks5h://c:2"),
        // HTTP's own variable is not for what is encrypted.
        (["http_proxy": "http://a:1"], "server.example", 443, nil),
        (["https_proxy": "http://a:1", "no_proxy": "*"], "server.example", 443, nil),
        (["https_proxy": "http://a:1", "no_proxy": "other, Example"], "server.example", 443, nil),
        (["https_proxy": "http://a:1", "NO_PROXY": ".example"], "server.example", 443, nil),
        (["https_proxy": "http://a:1", "no_proxy": "*.example"], "server.example", 443, nil),
        (["https_proxy": "http://a:1", "no_proxy": "ver.example"], "server.example", 443, "http://a:1"),
        (["https_proxy": "http://a:1", "no_proxy": "server.example:8443"], "server.example", 443, "http://a:1"),
        (["https_proxy": "http://a:1", "no_proxy": "server.example:443"], "server.example", 443, nil),
        (["https_proxy": "http://a:1", "no_proxy": "10.0.0.0/8"], "10.1.2.3", 443, nil),
        (["https_proxy": "http://a:1", "no_proxy": "10.0.0.0/8"], "11.1.2.3", 443, "http://a:1"),
        (["https_proxy": "http://a:1", "no_proxy": "2001:db8::/32,::1"], "::1", 443, nil),
        (["https_proxy": "http://a:1", "no_proxy": "127.0.0.1"], "127.0.0.1", 443, nil),
    ]

    @Test("is the one of https_proxy or all_proxy, unless no_proxy excludes the host", arguments: cases)
    func chosen(_ variables: [String: String], _ host: String, _ port: UInt16, _ proxy: String?) throws {
        #expect(try ProxyEnvironment(variables).proxy(for: .init(host, port)) == proxy.map { try ProxyURL($0) })
    }
}
