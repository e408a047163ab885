public import BodkinCore

extension STUNMessage {
    /// OTHER-ADDRESS (RFC 5780 section 7.4): where a response with changed address and port would come from.
    public struct OtherAddress: Attribute {
        /// The number of ``AttributeType/otherAddress``.
        public static let type = AttributeType.otherAddress
        /// The address and port.
        public let endpoint: Endpoint

        /// The attribute of an endpoint.
        public init(_ endpoint: Endpoint) { self.endpoint = endpoint }

        /// Reads a value.
        public init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard let endpoint = AddressValue.endpoint(value) else { throw Self.malformed("it must hold an IPv4 or IPv6 address and a port") }
            self.endpoint = endpoint
        }

        /// The endpoint's bytes.
        public func value(in transaction: TransactionID) -> [UInt8] { AddressValue.bytes(endpoint) }
    }
}
