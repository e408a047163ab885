extension STUNMessage {
    /// USERNAME (RFC 8489 section 14.3): whose credential the message's integrity is computed with; fewer than 509 bytes.
    public struct Username: Attribute {
        /// The number of ``AttributeType/username``.
        public static let type = AttributeType.username
        /// The most bytes of UTF-8.
        public static let limit = 508
        /// The text.
        public let text: String

        /// The attribute of a text.
        /// - Throws: ``STUNError`` where it is longer than ``limit``.
        public init(_ text: String) throws(STUNError) { self.text = try Self.text(Array(text.utf8), limit: Self.limit) }

        /// Reads a value.
        public init(value: [UInt8], in transaction: TransactionID) throws(STUNError) { text = try Self.text(value, limit: Self.limit) }

        /// The text's UTF-8.
        public func value(in transaction: TransactionID) -> [UInt8] { Array(text.utf8) }
    }
}
