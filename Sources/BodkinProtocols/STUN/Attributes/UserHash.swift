internal import Crypto

extension STUNMessage {
    /// USERHASH (RFC 8489 section 14.4): stands for USERNAME where an observer is not to read it, with long-term credentials.
    package struct UserHash: Attribute {
        /// The number of ``AttributeType/userHash``.
        package static let type = AttributeType.userHash
        /// The 32 bytes.
        package let hash: [UInt8]

        /// SHA-256 of user name, colon and realm; both after the OpaqueString profile.
        package init(username: String, realm: String) { hash = Array(SHA256.hash(data: Array("\(username):\(realm)".utf8))) }

        /// Reads a value: 32 bytes.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard value.count == SHA256.byteCount else { throw Self.malformed("it must have 32 bytes") }
            hash = value
        }

        /// The hash.
        package func value(in transaction: TransactionID) -> [UInt8] { hash }
    }
}
