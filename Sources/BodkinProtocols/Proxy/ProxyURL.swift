/// A proxy by which a peer reaches its rendezvous server: `http://[USER:PASSWORD@]HOST[:PORT]` (RFC 9110 section 9.3.6) or `socks5h://…` (RFC 1928). The proxy resolves
/// the server's name.
///
/// ```swift
/// let proxy = try ProxyURL("http://proxy.example:3128")
/// ```
public struct ProxyURL: Hashable, Sendable, CustomStringConvertible {
    /// The protocol between a peer and the proxy.
    public enum Scheme: String, Hashable, Sendable {
        /// HTTP's CONNECT.
        case http
        /// SOCKS 5, by names.
        case socks = "socks5h"
    }

    /// The user name and the password of a peer.
    public struct Credentials: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
        /// The user name.
        public var user: String
        /// The password.
        public var password: String

        /// Credentials from their parts.
        public init(user: String, password: String) {
            self.user = user
            self.password = password
        }

        /// A text without the login, for logs.
        public var description: String { "(credentials)" }
        /// The same.
        public var debugDescription: String { description }
        /// The same.
        public var customMirror: Mirror { Mirror(self, children: []) }
    }

    /// Why a text is no URL of a proxy.
    public struct ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        /// One line: what is wrong, and what to do.
        public let message: String
        /// The message.
        public var description: String { message }
    }

    /// The protocol.
    public var scheme: Scheme
    /// The host and the port of the proxy.
    public var host: RendezvousURL.Host
    /// The login; nil where the proxy requires none.
    public var credentials: Credentials?

    /// A URL from its parts.
    public init(_ scheme: Scheme, _ host: RendezvousURL.Host, credentials: Credentials? = nil) {
        self.scheme = scheme
        self.host = host
        self.credentials = credentials
    }

    /// Reads a URL. The default scheme is `http`. The default port is 80 for HTTP, and 1080 for SOCKS (RFC 1928 section 3).
    ///
    /// - Throws: ``ParseError``, which repeats nothing of the text: it may hold a password.
    public init(_ text: String) throws(ParseError) {
        var rest = text[...]
        scheme = .http
        if let end = text.firstRange(of: "://") {
            scheme = try Self.scheme(text[..<end.lowerBound].lowercased())
            rest = text[end.upperBound...]
        }
        rest = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if let end = rest.lastIndex(of: "@") {
            credentials = try Self.credentials(rest[..<end])
            rest = rest[rest.index(after: end)...]
        }
        guard let host = RendezvousURL.Host(rest, defaultPort: scheme == .http ? 80 : 1080) else {
            throw ParseError(message: "The URL of the proxy has no host and port. Write it as http://HOST:PORT or socks5h://HOST:PORT.")
        }
        self.host = host
    }

    private static func scheme(_ name: String) throws(ParseError) -> Scheme {
        switch name {
        case "http": .http
        case "socks5h", "socks5", "socks": .socks
        default:
            throw ParseError(
                message: "Bodkin speaks HTTP and SOCKS 5 with a proxy, without TLS. Write its URL as http://HOST:PORT or socks5h://HOST:PORT.")
        }
    }

    private static func credentials(_ text: Substring) throws(ParseError) -> Credentials {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        // A name of Basic has no colon (RFC 7617 section 2), and either part of SOCKS is 255 bytes at most (RFC 1929 section 2).
        guard let user = PercentEncoding.decode(parts[0]), let password = PercentEncoding.decode(parts.count > 1 ? parts[1] : ""),
            (1...255).contains(user.utf8.count), password.utf8.count <= 255, !user.contains(":")
        else {
            throw ParseError(
                message:
                    "The user name or the password in the proxy's URL cannot be read. Write special characters as %XX, and each in at most 255 bytes."
            )
        }
        return Credentials(user: user, password: password)
    }

    /// The URL without the credentials, for logs and people.
    public var description: String { "\(scheme.rawValue)://\(host)" }
}

/// What RFC 3986 section 2.1 says of URLs.
enum PercentEncoding {
    /// The text; nil where it is no UTF-8, has a control character, or a percent sign without two digits.
    static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}
