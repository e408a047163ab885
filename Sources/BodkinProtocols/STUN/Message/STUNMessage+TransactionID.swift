extension STUNMessage {
    /// The 96 bits that tie a response to its request (RFC 8489 section 5); to be random, so that nobody else can answer.
    package struct TransactionID: Sendable, Hashable, CustomStringConvertible {
        /// The 12 bytes.
        package let bytes: [UInt8]

        /// A transaction ID from its bytes; nil unless there are 12.
        package init?(bytes: some Collection<UInt8>) {
            guard bytes.count == 12 else { return nil }
            self.bytes = Array(bytes)
        }

        private init(from generator: inout some RandomNumberGenerator) {
            bytes = (0..<12).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        }

        /// A new one from the system's generator, which is cryptographically strong.
        package static func random() -> TransactionID {
            var generator = SystemRandomNumberGenerator()
            return TransactionID(from: &generator)
        }

        /// A new one from `generator`.
        package static func random(using generator: inout some RandomNumberGenerator) -> TransactionID { TransactionID(from: &generator) }

        /// Lower-case hexadecimal, 24 characters.
        package var description: String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
    }
}
