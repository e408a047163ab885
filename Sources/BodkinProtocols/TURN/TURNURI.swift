/// The address of a TURN relay (RFC 7065), with the hash of its key where no public certificate authority vouches for its name.
///
/// ```swift
/// let relay = try TURNURI("turns:relay.example.org:443")
/// ```
///
/// `turn:HOST[:PORT][?transport=tcp]` is TCP, by default to port 3478. `turns:HOST[:PORT]` is TLS, by default to port 5349. `#KEY` may follow the latter: SHA-256 of the
/// relay's SubjectPublicKeyInfo in base64url, which then decides alone.
public struct TURNURI: Hashable, Sendable, CustomStringConvertible {
    /// Why a text is no such address.
    public struct ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        /// One line: what is wrong, and what to do.
        public let message: String
        /// The message.
        public var description: String { message }
    }

    /// The longest text, in bytes.
    package static let sizeLimit = 350

    /// The relay's name or address, and its port.
    public let host: RendezvousURL.Host
    /// Whether TLS is spoken to it.
    public let isSecure: Bool
    /// SHA-256 of its public key; nil where a public certificate authority decides.
    public let keyHash: [UInt8]?

    /// Reads an address.
    public init(_ text: String) throws(ParseError) {
        func refusal(_ what: String) -> ParseError {
            ParseError(message: "The address of a relay \(what). Write it as turn:HOST:PORT?transport=tcp or turns:HOST:PORT.")
        }
        guard text.utf8.count <= Self.sizeLimit else { throw refusal("has more than \(Self.sizeLimit) bytes") }
        guard let colon = text.firstIndex(of: ":"), ["turn", "turns"].contains(text[..<colon]) else {
            throw refusal("begins with neither turn: nor turns:")
        }
        isSecure = text[..<colon] == "turns"
        let parts = text[text.index(after: colon)...].split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let place = parts[0].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard place.count == 1 || place[1] == "transport=tcp" else { throw refusal("has another transport than tcp") }
        guard let host = RendezvousURL.Host(place[0], defaultPort: isSecure ? 5349 : 3478) else { throw refusal("has no host") }
        self.host = host
        guard parts.count > 1 else {
            keyHash = nil
            return
        }
        guard isSecure, let hash = Base64URL.decode(String(parts[1])), hash.count == 32 else { throw refusal("has a truncated or mistyped key") }
        keyHash = hash
    }

    /// The textual form.
    public var description: String {
        (isSecure ? "turns:\(host)" : "turn:\(host)?transport=tcp") + (keyHash.map { "#" + Base64URL.encode($0) } ?? "")
    }
}
