extension STUNMessage {
    /// An attribute as it is on the wire: a type and bytes (RFC 8489 section 14).
    package struct RawAttribute: Sendable, Hashable {
        /// What it is.
        package let type: AttributeType
        /// Its bytes, without padding.
        package let value: [UInt8]
        /// The 0 to 3 bytes that follow it; any value is allowed, zero is what is sent.
        let padding: [UInt8]

        /// An attribute of any type.
        package init(_ type: AttributeType, _ value: [UInt8]) {
            self.type = type
            self.value = value
            padding = Array(repeating: 0, count: paddingSize(after: value.count))
        }

        init(from reader: inout Reader) throws(STUNError) {
            guard let type = reader.number(UInt16.self), let count = reader.number(UInt16.self).map(Int.init),
                let value = reader.bytes(count), let padding = reader.bytes(paddingSize(after: count))
            else { throw STUNError(.malformedAttribute, "A STUN attribute is longer than its message. Drop the message.") }
            self.type = AttributeType(rawValue: type)
            self.value = value
            self.padding = padding
        }

        /// The size on the wire, with type, length and padding.
        var size: Int { 4 + value.count + padding.count }

        /// The bytes on the wire. A value longer than a length field can say cannot get here: ``STUNMessage/append(_:)`` refuses it.
        var bytes: [UInt8] { bigEndian(type.rawValue) + bigEndian(UInt16(truncatingIfNeeded: value.count)) + value + padding }
    }
}
