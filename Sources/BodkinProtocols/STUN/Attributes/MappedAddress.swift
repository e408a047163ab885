package import BodkinCore

extension STUNMessage {
    /// MAPPED-ADDRESS (RFC 8489 section 14.1): the client's address in plain, which some NATs rewrite; XOR-MAPPED-ADDRESS is to be preferred.
    package struct MappedAddress: Attribute {
        /// The number of ``AttributeType/mappedAddress``.
        package static let type = AttributeType.mappedAddress
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
