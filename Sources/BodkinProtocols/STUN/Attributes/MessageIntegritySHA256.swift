extension STUNMessage {
    /// MESSAGE-INTEGRITY-SHA256 (RFC 8489 section 14.6): the HMAC-SHA256 of all before it. ``STUNMessage/seal(key:_:fingerprint:)`` makes it.
    ///
    /// A usage may allow truncated codes; Bodkin's does not.
    package struct MessageIntegritySHA256: Attribute {
        /// The number of ``AttributeType/messageIntegritySHA256``.
        package static let type = AttributeType.messageIntegritySHA256
        /// The bytes of the code.
        package static let size = 32
        /// The code.
        package let code: [UInt8]

        /// Reads a value: 32 bytes.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard value.count == Self.size else { throw Self.malformed("it must have 32 bytes, untruncated") }
            code = value
        }

        /// The code.
        package func value(in transaction: TransactionID) -> [UInt8] { code }
    }
}
