package import BodkinCore

extension STUNMessage {
    /// XOR-MAPPED-ADDRESS (RFC 8489 section 14.2): the client's address as the server sees it, hidden from NATs that rewrite addresses.
    package struct XORMappedAddress: Attribute {
        /// The number of ``AttributeType/xorMappedAddress``.
        package static let type = AttributeType.xorMappedAddress
        /// The address and port.
        package let endpoint: Endpoint

        /// The attribute of an endpoint.
        package init(_ endpoint: Endpoint) { self.endpoint = endpoint }

        /// Reads a value.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard let endpoint = AddressValue.endpoint(value).flatMap({ AddressValue.masked($0, in: transaction) }) else {
                throw Self.malformed("it must hold an IPv4 or IPv6 address and a port")
            }
            self.endpoint = endpoint
        }

        /// The endpoint's bytes, masked.
        package func value(in transaction: TransactionID) -> [UInt8] {
            AddressValue.bytes(AddressValue.masked(endpoint, in: transaction) ?? endpoint)
        }
    }
}
