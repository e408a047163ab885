import BodkinCore
import BodkinProtocols

/// The attributes that a TURN client for TCP needs (RFC 8656 section 18, RFC 6062 section 6.2).
enum TURNAttribute {
    /// REQUESTED-TRANSPORT: the protocol of the relayed connection.
    struct RequestedTransport: STUNMessage.Attribute {
        static let type = STUNMessage.AttributeType(rawValue: 0x0019)
        /// IPPROTO_TCP.
        static let tcp = RequestedTransport(number: 6)
        private let number: UInt8

        private init(number: UInt8) { self.number = number }

        init(value: [UInt8], in transaction: STUNMessage.TransactionID) throws(STUNError) {
            guard value.count == 4 else { throw STUNError(.malformedAttribute, "REQUESTED-TRANSPORT has four bytes") }
            number = value[0]
        }

        func value(in transaction: STUNMessage.TransactionID) -> [UInt8] { [number, 0, 0, 0] }
    }

    /// XOR-PEER-ADDRESS: whom the relay is to connect to. Its value is that of XOR-MAPPED-ADDRESS.
    struct XORPeerAddress: STUNMessage.Attribute {
        static let type = STUNMessage.AttributeType(rawValue: 0x0012)
        private let address: STUNMessage.XORMappedAddress

        init(_ endpoint: Endpoint) { address = STUNMessage.XORMappedAddress(endpoint) }

        init(value: [UInt8], in transaction: STUNMessage.TransactionID) throws(STUNError) {
            address = try STUNMessage.XORMappedAddress(value: value, in: transaction)
        }

        func value(in transaction: STUNMessage.TransactionID) -> [UInt8] { address.value(in: transaction) }
    }

    /// CONNECTION-ID: which connection of the relay's a connection of the client's belongs to.
    struct ConnectionID: STUNMessage.Attribute {
        static let type = STUNMessage.AttributeType(rawValue: 0x002A)
        private let bytes: [UInt8]

        init(value: [UInt8], in transaction: STUNMessage.TransactionID) throws(STUNError) {
            guard value.count == 4 else { throw STUNError(.malformedAttribute, "CONNECTION-ID has four bytes") }
            bytes = value
        }

        func value(in transaction: STUNMessage.TransactionID) -> [UInt8] { bytes }
    }
}
