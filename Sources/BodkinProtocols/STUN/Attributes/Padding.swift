extension STUNMessage {
    /// PADDING (RFC 5780 section 7.6): bytes without meaning that make a message large enough to be fragmented.
    package struct Padding: Attribute {
        /// The number of ``AttributeType/padding``.
        package static let type = AttributeType.padding
        /// How many bytes.
        package let count: Int

        /// So many bytes, bounded by what fits into a message.
        package init(count: Int) { self.count = min(max(count, 0), STUNMessage.maximumSize) }

        /// Reads a value: anything.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) { count = value.count }

        /// Zeros.
        package func value(in transaction: TransactionID) -> [UInt8] { Array(repeating: 0, count: count) }
    }
}
