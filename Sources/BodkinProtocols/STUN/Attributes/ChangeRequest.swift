extension STUNMessage {
    /// CHANGE-REQUEST (RFC 5780 section 7.2): asks for the response from the server's other address, its other port, or both.
    package struct ChangeRequest: Attribute {
        /// The number of ``AttributeType/changeRequest``.
        package static let type = AttributeType.changeRequest
        /// Whether the response is to come from the other address.
        package let address: Bool
        /// Whether the response is to come from the other port.
        package let port: Bool

        /// A wish.
        package init(address: Bool, port: Bool) {
            self.address = address
            self.port = port
        }

        /// Reads a value: 4 bytes, of which two bits count.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            var reader = Reader(value)
            guard value.count == 4, let flags = reader.number(UInt32.self) else { throw Self.malformed("it must have 4 bytes") }
            address = flags & 4 != 0
            port = flags & 2 != 0
        }

        /// The flags' bytes.
        package func value(in transaction: TransactionID) -> [UInt8] { bigEndian((address ? 4 : 0) | (port ? 2 : 0) as UInt32) }
    }
}
