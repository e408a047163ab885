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

        /// Reads a value.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) { text = try Self.text(value, limit: Self.limit) }

        /// The text's UTF-8.
        package func value(in transaction: TransactionID) -> [UInt8] { Array(text.utf8) }
    }
}
