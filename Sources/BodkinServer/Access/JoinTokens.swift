import FoundationEssentials

/// The join tokens of a server, each with a name, so that one can be replaced or revoked without the others.
///
/// ```swift
/// let tokens = try JoinTokens(parsing: "home 4ndHAhQ5m1hEBTe0Q2bM0w==\nwork XZ0AU5mZ4rZbVNLfNZxW6g==")
/// ```
public struct JoinTokens: Sendable, Hashable {
    /// A token and its name.
    public struct Entry: Sendable, Hashable {
        /// 1 to 64 letters, digits, dots, dashes and underscores.
        public let name: String
        /// The token.
        public let token: JoinToken

        /// An entry from its parts; nil where the name is none.
        public init?(name: String, token: JoinToken) {
            guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy({ Self.isNameByte($0) }) else { return nil }
            self.name = name
            self.token = token
        }

        private static func isNameByte(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
            default: false
            }
        }
    }

    /// Why a text holds no tokens.
    public struct ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        /// One line: what is wrong, and where. It shows no token.
        public let message: String
        /// The message.
        public var description: String { message }
    }

    /// The most tokens of a server.
    public static let limit = 1_024

    /// At least one; the URL has the first.
    public let entries: [Entry]

    /// One token, named "default".
    public init(_ token: JoinToken) { entries = Entry(name: "default", token: token).map { [$0] } ?? [] }

    /// One random token.
    public static func random() -> JoinTokens { JoinTokens(.random()) }

    /// Several tokens; nil unless there are 1 to ``limit``, with different names and different bytes.
    public init?(_ entries: [Entry]) {
        guard (1...Self.limit).contains(entries.count), Set(entries.map(\.name)).count == entries.count,
            Set(entries.map(\.token)).count == entries.count
        else { return nil }
        self.entries = entries
    }

    /// Reads a text of lines: a name, a space, and a token of 16 to 64 bytes in base64. Empty lines, and lines that begin with #, are left out.
    public init(parsing text: String) throws(ParseError) {
        var entries: [Entry] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard words.count == 2, let bytes = Data(base64Encoded: String(words[1])), let token = JoinToken(bytes: Array(bytes)),
                let entry = Entry(name: String(first), token: token)
            else {
                throw ParseError(message: "Line \(number + 1) is no join token. Write a name, a space, and 16 to 64 random bytes in base64.")
            }
            entries.append(entry)
        }
        guard let tokens = JoinTokens(entries) else {
            throw ParseError(message: "The tokens are none, more than \(Self.limit), or not all different. Give each a name and bytes of its own.")
        }
        self = tokens
    }
}
