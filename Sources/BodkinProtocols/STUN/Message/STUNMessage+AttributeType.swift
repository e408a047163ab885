extension STUNMessage {
    /// The number of an attribute (RFC 8489 section 18.3, RFC 5780 section 9.1).
    public struct AttributeType: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
        /// The number.
        public let rawValue: UInt16

        /// A type by its number.
        public init(rawValue: UInt16) { self.rawValue = rawValue }

        /// Whether who does not know it must not process the message (section 14): below 0x8000.
        public var isComprehensionRequired: Bool { rawValue < 0x8000 }

        /// Hexadecimal, `0x0020`.
        public var description: String {
            let digits = String(rawValue, radix: 16)
            return "0x" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }
}

extension STUNMessage.AttributeType {
    /// MAPPED-ADDRESS.
    public static let mappedAddress = Self(rawValue: 0x0001)
    /// CHANGE-REQUEST (RFC 5780).
    public static let changeRequest = Self(rawValue: 0x0003)
    /// USERNAME.
    public static let username = Self(rawValue: 0x0006)
    /// MESSAGE-INTEGRITY.
    public static let messageIntegrity = Self(rawValue: 0x0008)
    /// ERROR-CODE.
    public static let errorCode = Self(rawValue: 0x0009)
    /// UNKNOWN-ATTRIBUTES.
    public static let unknownAttributes = Self(rawValue: 0x000A)
    /// REALM.
    public static let realm = Self(rawValue: 0x0014)
    /// NONCE.
    public static let nonce = Self(rawValue: 0x0015)
    /// MESSAGE-INTEGRITY-SHA256.
    public static let messageIntegritySHA256 = Self(rawValue: 0x001C)
    /// PASSWORD-ALGORITHM.
    public static let passwordAlgorithm = Self(rawValue: 0x001D)
    /// USERHASH.
    public static let userHash = Self(rawValue: 0x001E)
    /// XOR-MAPPED-ADDRESS.
    public static let xorMappedAddress = Self(rawValue: 0x0020)
    /// PADDING (RFC 5780).
    public static let padding = Self(rawValue: 0x0026)
    /// RESPONSE-PORT (RFC 5780).
    public static let responsePort = Self(rawValue: 0x0027)
    /// PASSWORD-ALGORITHMS.
    public static let passwordAlgorithms = Self(rawValue: 0x8002)
    /// SOFTWARE.
    public static let software = Self(rawValue: 0x8022)
    /// FINGERPRINT.
    public static let fingerprint = Self(rawValue: 0x8028)
    /// RESPONSE-ORIGIN (RFC 5780).
    public static let responseOrigin = Self(rawValue: 0x802B)
    /// OTHER-ADDRESS (RFC 5780).
    public static let otherAddress = Self(rawValue: 0x802C)

    /// The comprehension-required attributes of RFC 8489, which every agent understands; those of RFC 5780 are up to the server.
    public static let understood: Set<Self> = [
        .mappedAddress, .username, .messageIntegrity, .errorCode, .unknownAttributes, .realm, .nonce, .messageIntegritySHA256,
        .passwordAlgorithm, .userHash, .xorMappedAddress,
    ]
}
