extension STUNMessage {
    /// PASSWORD-ALGORITHM (RFC 8489 section 14.12): how a long-term key is made of a password.
    package struct PasswordAlgorithm: Attribute {
        /// The number of ``AttributeType/passwordAlgorithm``.
        package static let type = AttributeType.passwordAlgorithm
        /// MD5, without parameters (section 18.5).
        package static let md5 = PasswordAlgorithm(known: 1)
        /// SHA-256, without parameters.
        package static let sha256 = PasswordAlgorithm(known: 2)

        /// The algorithm's number.
        package let number: UInt16
        /// Its parameters, empty for both that are defined.
        package let parameters: [UInt8]

        private init(known number: UInt16) {
            self.number = number
            parameters = []
        }

        /// Reads one with its padding off the front of others.
        init?(from reader: inout Reader) {
            guard let number = reader.number(UInt16.self), let count = reader.number(UInt16.self).map(Int.init),
                let parameters = reader.bytes(count), reader.bytes(paddingSize(after: count)) != nil
            else { return nil }
            self.number = number
            self.parameters = parameters
        }

        /// Reads a value: one algorithm.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            // The padding of the parameters may count as that of the attribute.
            var reader = Reader(value + Array(repeating: 0, count: paddingSize(after: value.count)))
            guard let algorithm = Self(from: &reader), reader.count == 0 else { throw Self.malformed("it must hold exactly one algorithm") }
            self = algorithm
        }

        /// Number, length, parameters and their padding.
        package func value(in transaction: TransactionID) -> [UInt8] {
            bigEndian(number) + bigEndian(UInt16(truncatingIfNeeded: parameters.count)) + parameters
                + Array(repeating: 0, count: paddingSize(after: parameters.count))
        }
    }
}
