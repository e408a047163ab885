public import BodkinCore

extension STUNMessage {
    /// RESPONSE-ORIGIN (RFC 5780 section 7.3): the address and port that the response was sent from.
    public struct ResponseOrigin: Attribute {
        /// The number of ``AttributeType/responseOrigin``.
        public static let type = AttributeType.responseOrigin
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
