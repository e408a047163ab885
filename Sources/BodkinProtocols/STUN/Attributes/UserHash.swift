internal import Crypto

extension STUNMessage {
    /// USERHASH (RFC 8489 section 14.4): stands for USERNAME where an observer is not to read it, with long-term credentials.
    public struct UserHash: Attribute {
        /// The number of ``AttributeType/userHash``.
        public static let type = AttributeType.userHash
        /// The 32 bytes.
        public let hash: [UInt8]

        /// SHA-256 of user name, colon and realm; both after the OpaqueString profile.
        public init(username: String, realm: String) { hash = Array(SHA256.hash(data: Array("\(username):\(realm)".utf8))) }

        /// Reads a value: 32 bytes.
        public init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard value.count == SHA256.byteCount else { throw Self.malformed("it must have 32 bytes") }
            hash = value
        }

        /// The hash.
        public func value(in transaction: TransactionID) -> [UInt8] { hash }
    }
}
