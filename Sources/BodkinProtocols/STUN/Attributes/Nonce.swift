extension STUNMessage {
    /// NONCE (RFC 8489 section 14.10): what a server wants repeated, against replays; at most 763 bytes.
    public struct Nonce: Attribute {
        /// The number of ``AttributeType/nonce``.
        public static let type = AttributeType.nonce
        /// The most bytes of UTF-8.
        public static let limit = 763
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
