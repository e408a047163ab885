extension STUNMessage {
    /// NONCE (RFC 8489 section 14.10): what a server wants repeated, against replays; at most 763 bytes.
    package struct Nonce: Attribute {
        /// The number of ``AttributeType/nonce``.
        package static let type = AttributeType.nonce
        /// The most bytes of UTF-8.
        package static let limit = 763
        /// The text.
        package let text: String

        /// The attribute of a text.
        /// - Throws: ``STUNError`` where it is longer than ``limit``.
        package init(_ text: String) throws(STUNError) { self.text = try Self.text(Array(text.utf8), limit: Self.limit) }

        private init(hexadecimal number: (UInt64, UInt64)) {
            let digits = [number.0, number.1].map { String($0, radix: 16) }
            text = digits.map { String(repeating: "0", count: 16 - $0.count) + $0 }.joined()
        }

        /// 16 random bytes in hex.
        package static func random() -> Nonce { Nonce(hexadecimal: (.random(in: .min ... .max), .random(in: .min ... .max))) }

        /// Reads a value.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) { text = try Self.text(value, limit: Self.limit) }

        /// The text's UTF-8.
        package func value(in transaction: TransactionID) -> [UInt8] { Array(text.utf8) }
    }
}
