import BodkinCore

extension STUNMessage {
    /// The value that all address attributes share: a zero byte, the family, the port, the address (RFC 8489 section 14.1).
    enum AddressValue {
        static func bytes(_ endpoint: Endpoint) -> [UInt8] {
            [0, endpoint.address.family == .v4 ? 1 : 2] + bigEndian(endpoint.port) + endpoint.address.bytes
        }

        /// Nil unless family and size agree. The first byte is ignored, as the RFC asks.
        static func endpoint(_ value: [UInt8]) -> Endpoint? {
            var reader = Reader(value)
            guard let head = reader.number(UInt16.self), let port = reader.number(UInt16.self), let rest = reader.bytes(reader.count),
                let address = IPAddress(bytes: rest), head & 0xFF == (address.family == .v4 ? 1 : 2)
            else { return nil }
            return Endpoint(address, port)
        }

        /// The endpoint with port and address xored with the magic cookie and the transaction ID (section 14.2); its own inverse.
        static func masked(_ endpoint: Endpoint, in transaction: TransactionID) -> Endpoint? {
            let mask = bigEndian(magicCookie) + transaction.bytes
            guard let address = IPAddress(bytes: zip(endpoint.address.bytes, mask).map { $0 ^ $1 }) else { return nil }
            return Endpoint(address, endpoint.port ^ UInt16(truncatingIfNeeded: magicCookie >> 16))
        }
    }
}
