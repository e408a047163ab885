extension STUNMessage {
    /// The number of an attribute (RFC 8489 section 18.3, RFC 5780 section 9.1).
    package struct AttributeType: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
        /// The number.
        package let rawValue: UInt16

        /// A type by its number.
        package init(rawValue: UInt16) { self.rawValue = rawValue }

        /// Whether who does not know it must not process the message (section 14): below 0x8000.
        package var isComprehensionRequired: Bool { rawValue < 0x8000 }

        /// Hexadecimal, `0x0020`.
        package var description: String {
            let digits = String(rawValue, radix: 16)
            return "0x" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }
}

extension STUNMessage.AttributeType {
    /// MAPPED-ADDRESS.
    package static let mappedAddress = Self(rawValue: 0x0001)
    /// CHANGE-REQUEST (RFC 5780).
    package static let changeRequest = Self(rawValue: 0x0003)
    /// USERNAME.
    package static let username = Self(rawValue: 0x0006)
    /// MESSAGE-INTEGRITY.
    package static let messageIntegrity = Self(rawValue: 0x0008)
    /// ERROR-CODE.
    package static let errorCode = Self(rawValue: 0x0009)
    /// UNKNOWN-ATTRIBUTES.
    package static let unknownAttributes = Self(rawValue: 0x000A)
    /// REALM.
    package static let realm = Self(rawValue: 0x0014)
    /// NONCE.
    package static let nonce = Self(rawValue: 0x0015)
    /// MESSAGE-INTEGRITY-SHA256.
    package static let messageIntegritySHA256 = Self(rawValue: 0x001C)
    /// PASSWORD-ALGORITHM.
    package static let passwordAlgorithm = Self(rawValue: 0x001D)
    /// USERHASH.
    package static let userHash = Self(rawValue: 0x001E)
    /// XOR-MAPPED-ADDRESS.
    package static let xorMappedAddress = Self(rawValue: 0x0020)
    /// PADDING (RFC 5780).
    package static let padding = Self(rawValue: 0x0026)
    /// RESPONSE-PORT (RFC 5780).
    package static let responsePort = Self(rawValue: 0x0027)
    /// PASSWORD-ALGORITHMS.
    package static let passwordAlgorithms = Self(rawValue: 0x8002)
    /// SOFTWARE.
    package static let software = Self(rawValue: 0x8022)
    /// FINGERPRINT.
    package static let fingerprint = Self(rawValue: 0x8028)
    /// RESPONSE-ORIGIN (RFC 5780).
    package static let responseOrigin = Self(rawValue: 0x802B)
    /// OTHER-ADDRESS (RFC 5780).
    package static let otherAddress = Self(rawValue: 0x802C)

    /// The comprehension-required attributes of RFC 8489, which every agent understands; those of RFC 5780 are up to the server.
    package static let understood: Set<Self> = [
        .mappedAddress, .username, .messageIntegrity, .errorCode, .unknownAttributes, .realm, .nonce, .messageIntegritySHA256,
        .passwordAlgorithm, .userHash, .xorMappedAddress,
    ]
}
