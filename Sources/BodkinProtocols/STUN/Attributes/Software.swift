extension STUNMessage {
    /// SOFTWARE (RFC 8489 section 14.14): what program sent the message, for people who diagnose; at most 763 bytes.
    package struct Software: Attribute {
        /// The number of ``AttributeType/software``.
        package static let type = AttributeType.software
        /// The most bytes of UTF-8.
        package static let limit = 763
        /// The text.
        package let text: String

        /// The attribute of a text.
        /// - Throws: ``STUNError`` where it is longer than ``limit``.
        package init(_ text: String) throws(STUNError) { self.text = try Self.text(Array(text.utf8), limit: Self.limit) }

        /// Reads a value.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) { text = try Self.text(value, limit: Self.limit) }

        /// Makes a request over UDP as long as the longest response, with two IPv6 addresses: servers send to nobody more than he has sent.
        package static let padding = Software(known: "bodkin" + String(repeating: " ", count: 98))

        private init(known text: String) { self.text = text }

        /// The text's UTF-8.
        package func value(in transaction: TransactionID) -> [UInt8] { Array(text.utf8) }
    }
}
