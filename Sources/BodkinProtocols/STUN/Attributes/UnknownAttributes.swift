extension STUNMessage {
    /// UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13): what the sender of a 420 did not understand.
    package struct UnknownAttributes: Attribute {
        /// The number of ``AttributeType/unknownAttributes``.
        package static let type = AttributeType.unknownAttributes
        /// The most types that one names: as many as the largest request could hold.
        package static let limit = (STUNMessage.maximumSize - STUNMessage.headerSize) / 4
        /// The types.
        package let types: [AttributeType]

        /// The first ``limit`` of these types.
        package init(_ types: some Sequence<AttributeType>) { self.types = Array(types.prefix(Self.limit)) }

        /// Reads a value: types one after another.
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard value.count % 2 == 0, value.count / 2 <= Self.limit else { throw Self.malformed("it must hold types of two bytes each") }
            var reader = Reader(value)
            var types: [AttributeType] = []
            while let number = reader.number(UInt16.self) { types.append(AttributeType(rawValue: number)) }
            self.types = types
        }

        /// The types' bytes.
        package func value(in transaction: TransactionID) -> [UInt8] { types.flatMap { bigEndian($0.rawValue) } }
    }
}
