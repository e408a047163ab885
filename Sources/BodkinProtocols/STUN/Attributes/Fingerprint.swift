extension STUNMessage {
    /// FINGERPRINT (RFC 8489 section 14.7): a CRC-32 that tells STUN from other protocols on one port. It is checked when a message is read.
    package struct Fingerprint: Attribute {
        /// The number of ``AttributeType/fingerprint``.
        package static let type = AttributeType.fingerprint
        /// The CRC-32 of the message before it, xor 0x5354554E.
        package let checksum: UInt32

        /// The fingerprint of a message's bytes before it, whose header already counts it.
        init(of bytes: some Sequence<UInt8>) { checksum = CRC32.checksum(bytes) ^ 0x5354_554E }

        /// Reads a value: 4 bytes.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            var reader = Reader(value)
            guard value.count == 4, let checksum = reader.number(UInt32.self) else { throw Self.malformed("it must have 4 bytes") }
            self.checksum = checksum
        }

        /// The checksum's bytes.
        package func value(in transaction: TransactionID) -> [UInt8] { bigEndian(checksum) }
    }
}
