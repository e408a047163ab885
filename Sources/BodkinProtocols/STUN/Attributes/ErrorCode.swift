extension STUNMessage {
    /// ERROR-CODE (RFC 8489 section 14.8): why a request was not met.
    package struct ErrorCode: Attribute, CustomStringConvertible {
        /// The number of ``AttributeType/errorCode``.
        package static let type = AttributeType.errorCode
        /// The most bytes of a reason.
        package static let limit = 763
        /// 400: the request is malformed, or its credentials are incomplete.
        package static let badRequest = ErrorCode(known: 400, "Bad Request")
        /// 401: the credentials are wrong.
        package static let unauthenticated = ErrorCode(known: 401, "Unauthenticated")
        /// 420: the request holds an attribute that must be understood and is not.
        package static let unknownAttribute = ErrorCode(known: 420, "Unknown Attribute")

        /// 438: the nonce of the request is not the last one, or there is none.
        package static let staleNonce = ErrorCode(known: 438, "Stale Nonce")

        /// The number, 300 ... 699.
        package let number: Int
        /// What it means, for people.
        package let reason: String

        private init(known number: Int, _ reason: String) {
            self.number = number
            self.reason = reason
        }

        /// An error code.
        /// - Throws: ``STUNError`` for a number outside of 300 ... 699 or a reason longer than ``limit``.
        package init(_ number: Int, _ reason: String) throws(STUNError) {
            guard 300..<700 ~= number else { throw Self.malformed("its number must be in 300 ... 699") }
            self.number = number
            self.reason = try Self.text(Array(reason.utf8), limit: Self.limit)
        }

        /// Reads a value: 21 bits that are ignored, 3 of hundreds, 8 of the rest, the reason.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            var reader = Reader(value)
            guard let head = reader.number(UInt32.self), let reason = reader.bytes(reader.count) else { throw Self.malformed("it is too short") }
            let hundreds = Int(head >> 8 & 7)
            let rest = Int(head & 0xFF)
            guard 3...6 ~= hundreds, rest < 100 else { throw Self.malformed("its number must be in 300 ... 699") }
            number = hundreds * 100 + rest
            self.reason = try Self.text(reason, limit: Self.limit)
        }

        /// The number's bytes and the reason's UTF-8.
        package func value(in transaction: TransactionID) -> [UInt8] {
            [0, 0, UInt8(truncatingIfNeeded: number / 100), UInt8(truncatingIfNeeded: number % 100)] + Array(reason.utf8)
        }

        /// `401 Unauthenticated`.
        package var description: String { "\(number) \(reason)" }
    }
}
