extension STUNMessage {
    /// RESPONSE-PORT (RFC 5780 section 7.5): asks for the response to another port of the sender's address.
    package struct ResponsePort: Attribute {
        /// The number of ``AttributeType/responsePort``.
        package static let type = AttributeType.responsePort
        /// The port.
        package let port: UInt16

        /// A wish.
        package init(_ port: UInt16) { self.port = port }

        /// Reads a value: a port, and two bytes of padding that older programs count as part of it.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            var reader = Reader(value)
            guard value.count == 2 || value.count == 4, let port = reader.number(UInt16.self) else { throw Self.malformed("it must hold a port") }
            self.port = port
        }

        /// The port's bytes.
        package func value(in transaction: TransactionID) -> [UInt8] { bigEndian(port) }
    }
}
