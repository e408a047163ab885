extension STUNMessage {
    /// PASSWORD-ALGORITHMS (RFC 8489 section 14.11): what a server offers for long-term keys, the preferred one first.
    package struct PasswordAlgorithms: Attribute {
        /// The number of ``AttributeType/passwordAlgorithms``.
        package static let type = AttributeType.passwordAlgorithms
        /// The algorithms.
        package let algorithms: [PasswordAlgorithm]

        /// An offer.
        package init(_ algorithms: [PasswordAlgorithm]) { self.algorithms = algorithms }

        /// Reads a value: algorithms one after another.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            var reader = Reader(value + Array(repeating: 0, count: paddingSize(after: value.count)))
            var algorithms: [PasswordAlgorithm] = []
            while reader.count > 0 {
                guard let next = PasswordAlgorithm(from: &reader) else { throw Self.malformed("an algorithm runs beyond its end") }
                algorithms.append(next)
            }
            self.algorithms = algorithms
        }

        /// The algorithms' bytes.
        package func value(in transaction: TransactionID) -> [UInt8] { algorithms.flatMap { $0.value(in: transaction) } }
    }
}
