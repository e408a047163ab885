package import BodkinCore

extension STUNMessage {
    /// OTHER-ADDRESS (RFC 5780 section 7.4): where a response with changed address and port would come from.
    package struct OtherAddress: Attribute {
        /// The number of ``AttributeType/otherAddress``.
        package static let type = AttributeType.otherAddress
        /// The address and port.
        package let endpoint: Endpoint

        /// The attribute of an endpoint.
        package init(_ endpoint: Endpoint) { self.endpoint = endpoint }

        /// Reads a value.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard let endpoint = AddressValue.endpoint(value) else { throw Self.malformed("it must hold an IPv4 or IPv6 address and a port") }
            self.endpoint = endpoint
        }

        /// The endpoint's bytes.
        package func value(in transaction: TransactionID) -> [UInt8] { AddressValue.bytes(endpoint) }
    }
}
