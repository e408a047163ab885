extension STUNMessage {
    /// MESSAGE-INTEGRITY (RFC 8489 section 14.5): the HMAC-SHA1 of all before it. ``STUNMessage/seal(key:_:fingerprint:)`` makes it.
    package struct MessageIntegrity: Attribute {
        /// The number of ``AttributeType/messageIntegrity``.
        package static let type = AttributeType.messageIntegrity
        /// The bytes of the code.
        package static let size = 20
        /// The code.
        package let code: [UInt8]

        /// Reads a value: 20 bytes.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard value.count == Self.size else { throw Self.malformed("it must have 20 bytes") }
            code = value
        }

        /// The code.
        package func value(in transaction: TransactionID) -> [UInt8] { code }
    }
}
