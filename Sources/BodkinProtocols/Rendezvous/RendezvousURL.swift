package import BodkinCore
import FoundationEssentials

/// The location of a rendezvous server, the hash of its key, and the join token.
///
/// ```swift
/// let url = try RendezvousURL("bodkin://203.0.113.1:443/?key=…&token=…")
/// ```
///
/// `bodkin://HOST[:PORT][,HOST[:PORT]…]/?key=KEY&token=TOKEN&stun=PORT`. A host is a name, an IPv4 address or an IPv6 address in brackets. Several hosts are
/// addresses of one server, and a peer tries them concurrently. `key` is the SHA-256 of the server's public key in base64url. While the key changes, there are two, `A,B`.
/// With `key` the hash alone authenticates the server. Otherwise a public certificate authority and the host's name do. `stun` is the STUN port, by default 3478.
public struct RendezvousURL: Hashable, Sendable, CustomStringConvertible {
    /// One way to the server.
    public struct Host: Hashable, Sendable, CustomStringConvertible {
        /// A name or an address, without brackets.
        public var name: String
        /// The TCP port.
        public var port: UInt16

        /// A host from its parts.
        public init(_ name: String, _ port: UInt16) {
            self.name = name
            self.port = port
        }

        /// The name or address, and the port.
        public var description: String { "\(name.contains(":") ? "[\(name)]" : name):\(port)" }
    }

    /// Why a text is no URL of a rendezvous server.
    public struct ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        /// One line: what is wrong, and what to do.
        public let message: String
        /// The message.
        public var description: String { message }
    }

    /// The port without a number in the URL.
    public static let defaultPort: UInt16 = 443
    /// The STUN port without a number in the URL (RFC 8489 section 18.6).
    public static let defaultSTUNPort: UInt16 = 3478
    /// The most hosts a URL may have.
    public static let maximumHostCount = 8

    /// The ways to the server, at least one.
    public var hosts: [Host]
    /// SHA-256 of the server's SubjectPublicKeyInfo; nil where a public certificate authority decides.
    public var keyHash: [UInt8]?
    /// The same of the key that the server will have next, or has had before: while it changes, clients trust either.
    public var nextKeyHash: [UInt8]?
    /// The join token; nil for an open server.
    public var token: [UInt8]?
    /// Where the server answers STUN.
    public var stunPort: UInt16

    /// A URL from its parts.
    public init(hosts: [Host], keyHash: [UInt8]?, nextKeyHash: [UInt8]? = nil, token: [UInt8]?, stunPort: UInt16 = RendezvousURL.defaultSTUNPort) {
        self.hosts = hosts
        self.keyHash = keyHash
        self.nextKeyHash = keyHash == nil ? nil : nextKeyHash
        self.token = token
        self.stunPort = stunPort
    }

    /// Where the server answers STUN at one of its addresses: the port that the URL names, and the one after it.
    package func stunEndpoints(at address: IPAddress) -> [Endpoint] {
        [stunPort, stunPort == .max ? 1 : stunPort + 1].map { Endpoint(address, $0) }
    }

    /// Reads a URL.
    public init(_ text: String) throws(ParseError) {
        func refusal(_ what: String) -> ParseError { ParseError(message: "The rendezvous URL \(what). Copy the whole URL that the server printed.") }
        let scheme = "bodkin://"
        guard text.hasPrefix(scheme) else { throw refusal("does not begin with \(scheme)") }
        let parts = text.dropFirst(scheme.count).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let authority = parts[0].hasSuffix("/") ? parts[0].dropLast() : parts[0]
        hosts = []
        for place in authority.split(separator: ",", omittingEmptySubsequences: false) {
            guard let host = Host(place, defaultPort: Self.defaultPort) else { throw refusal("has no host in '\(place)'") }
            hosts.append(host)
        }
        guard hosts.count <= Self.maximumHostCount else { throw refusal("has more than \(Self.maximumHostCount) hosts") }
        stunPort = Self.defaultSTUNPort
        for item in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = pair.count > 1 ? String(pair[1]) : ""
            switch pair[0] {
            case "key":
                for part in value.split(separator: ",", omittingEmptySubsequences: false) {
                    guard let bytes = Base64URL.decode(String(part)), bytes.count == 32 else { throw refusal("has a truncated or mistyped key") }
                    guard keyHash == nil || nextKeyHash == nil else { throw refusal("has more than two keys") }
                    if keyHash == nil { keyHash = bytes } else { nextKeyHash = bytes }
                }
            case "token":
                guard let bytes = Base64URL.decode(value), (8...64).contains(bytes.count) else {
                    throw refusal("has a truncated or mistyped token")
                }
                token = bytes
            case "stun":
                guard let port = UInt16(value), port > 0 else { throw refusal("has no STUN port in '\(value)'") }
                stunPort = port
            default: break  // what a later version may add
            }
        }
    }

    /// The textual form. It holds the token, so everybody who has it may use the server.
    public var description: String {
        var items: [String] = []
        if let keyHash { items.append("key=" + [keyHash, nextKeyHash].compactMap { $0 }.map { Base64URL.encode($0) }.joined(separator: ",")) }
        if let token { items.append("token=\(Base64URL.encode(token))") }
        if stunPort != Self.defaultSTUNPort { items.append("stun=\(stunPort)") }
        return "bodkin://\(authority)/" + (items.isEmpty ? "" : "?" + items.joined(separator: "&"))
    }

    /// The hosts alone, for logs and people: no token.
    package var authority: String {
        hosts.map { ($0.name.contains(":") ? "[\($0.name)]" : $0.name) + ($0.port == Self.defaultPort ? "" : ":\($0.port)") }
            .joined(separator: ",")
    }
}

extension RendezvousURL.Host {
    init?(_ text: Substring, defaultPort: UInt16) {
        var rest = text
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            name = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...]
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            name = String(rest[..<end])
            rest = rest[end...]
        }
        guard !name.isEmpty, name.utf8.count <= 255, !name.contains(where: { "/@#[]".contains($0) || $0.isWhitespace }) else { return nil }
        port = defaultPort
        guard !rest.isEmpty else { return }
        guard rest.first == ":", let number = UInt16(rest.dropFirst()), number > 0 else { return nil }
        port = number
    }
}

/// Base64url (RFC 4648 section 5) without padding.
enum Base64URL {
    static func encode(_ bytes: [UInt8]) -> String {
        String(Data(bytes).base64EncodedString().compactMap { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 == "=" ? nil : $0 })
    }

    static func decode(_ text: String) -> [UInt8]? {
        guard text.utf8.count <= 128, !text.contains("+"), !text.contains("/"), !text.contains("=") else { return nil }
        let standard = String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        return Data(base64Encoded: standard + String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)).map(Array.init)
    }
}
