package import BodkinCore

extension STUNMessage {
    /// RESPONSE-ORIGIN (RFC 5780 section 7.3): the address and port that the response was sent from.
    package struct ResponseOrigin: Attribute {
        /// The number of ``AttributeType/responseOrigin``.
        package static let type = AttributeType.responseOrigin
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
