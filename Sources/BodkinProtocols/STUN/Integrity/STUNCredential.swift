/// A short-term credential (RFC 8489 section 9.1): a user name and its key.
package struct STUNCredential: Sendable, Hashable {
    /// Who.
    package let username: STUNMessage.Username
    /// The HMAC key. For a password it is the password's UTF-8, after the OpaqueString profile (RFC 8265), which leaves ASCII as it is.
    package let key: [UInt8]

    /// A credential from its parts.
    /// - Throws: ``STUNError`` where the name is longer than USERNAME may be.
    package init(username: String, key: [UInt8]) throws(STUNError) {
        self.username = try STUNMessage.Username(username)
        self.key = key
    }
}
