internal import Crypto

extension STUNMessage {
    /// Which of the two integrity attributes.
    package enum Integrity: Sendable, Hashable, CaseIterable {
        /// MESSAGE-INTEGRITY, HMAC-SHA1 (RFC 8489 section 14.5).
        case sha1
        /// MESSAGE-INTEGRITY-SHA256 (section 14.6), always in full length.
        case sha256

        var type: AttributeType { self == .sha1 ? .messageIntegrity : .messageIntegritySHA256 }
        /// The bytes of a code.
        var size: Int { self == .sha1 ? MessageIntegrity.size : MessageIntegritySHA256.size }

        func code(for bytes: [UInt8], _ key: SymmetricKey) -> [UInt8] {
            switch self {
            case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: bytes, using: key))
            case .sha256: Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
            }
        }

        /// Compares in constant time.
        func isValid(_ code: [UInt8], for bytes: [UInt8], _ key: SymmetricKey) -> Bool {
            guard code.count == size else { return false }
            return switch self {
            case .sha1: HMAC<Insecure.SHA1>.isValidAuthenticationCode(code, authenticating: bytes, using: key)
            case .sha256: HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: bytes, using: key)
            }
        }
    }

    /// What integrity attributes and FINGERPRINT add at most.
    static let sealSize = 4 + MessageIntegrity.size + 4 + MessageIntegritySHA256.size + 4 + 4

    /// Ends the message: MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT, in the order that RFC 8489 sections 14.5 to 14.7 ask for.
    ///
    /// Replaces any that are there. Without a key there is no integrity attribute; a message that was read keeps its other attributes.
    package mutating func seal(key: [UInt8]? = nil, _ integrity: Set<Integrity> = [], fingerprint: Bool = true) {
        let seals: Set<AttributeType> = [.messageIntegrity, .messageIntegritySHA256, .fingerprint]
        attributes.removeAll { seals.contains($0.type) }
        if let key = key.map({ SymmetricKey(data: $0) }) {
            for kind in Integrity.allCases where integrity.contains(kind) {
                let code = kind.code(for: bytes(upTo: attributes.count, leavingRoomFor: 4 + kind.size), key)
                attributes.append(RawAttribute(kind.type, code))
            }
        }
        if fingerprint { add(Fingerprint(of: bytes(upTo: attributes.count, leavingRoomFor: 8))) }
    }

    /// The integrity attribute that verifies with `key`; nil if none does.
    ///
    /// MESSAGE-INTEGRITY-SHA256 decides where it is present (section 9.1.3): a good HMAC-SHA1 beside a wrong HMAC-SHA256 proves nothing.
    package func verifiedIntegrity(key: [UInt8]) -> Integrity? {
        let kind: Integrity = contains(.messageIntegritySHA256) ? .sha256 : .sha1
        guard let index = index(of: kind.type) else { return nil }
        let covered = bytes(upTo: index, leavingRoomFor: 4 + kind.size)
        return kind.isValid(attributes[index].value, for: covered, SymmetricKey(data: key)) ? kind : nil
    }

    /// Whether an integrity attribute is there and counts, right or wrong.
    package var hasIntegrity: Bool { contains(.messageIntegrity) || contains(.messageIntegritySHA256) }
}
