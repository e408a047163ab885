extension STUNMessage {
    /// An attribute with a meaning: read with ``STUNMessage/attribute(_:)``, written with ``STUNMessage/append(_:)``.
    package protocol Attribute: Sendable, Hashable {
        /// Its number.
        static var type: AttributeType { get }
        /// Reads a value in a message of `transaction`.
        /// - Throws: ``STUNError`` with ``STUNError/Code-swift.enum/malformedAttribute``.
        init(value: [UInt8], in transaction: TransactionID) throws(STUNError)
        /// The value for a message of `transaction`.
        func value(in transaction: TransactionID) -> [UInt8]
    }

    /// The attribute of a type, the first of several (RFC 8489 section 14); nil where there is none, or only where it is to be ignored.
    /// - Throws: ``STUNError`` where its value is malformed: answer a request with 400, drop anything else.
    package func attribute<Value: Attribute>(_: Value.Type = Value.self) throws(STUNError) -> Value? {
        guard let index = index(of: Value.type) else { return nil }
        return try Value(value: attributes[index].value, in: transactionID)
    }

    /// Adds an attribute at the end; to be done before ``seal(key:_:fingerprint:)``.
    /// - Throws: ``STUNError`` where no room for it would be left beside a seal.
    package mutating func append(_ attribute: some Attribute) throws(STUNError) {
        let raw = RawAttribute(attribute, in: transactionID)
        guard size + raw.size + Self.sealSize <= Self.maximumSize else {
            throw STUNError(.tooLarge, "A STUN message holds at most \(Self.maximumSize) bytes. Leave out attributes, or shorten them.")
        }
        attributes.append(raw)
    }

    /// Adds an attribute whose bound is known to leave room.
    package mutating func add(_ attribute: some Attribute) { attributes.append(RawAttribute(attribute, in: transactionID)) }

    /// Whether an attribute of this type is there and counts.
    package func contains(_ type: AttributeType) -> Bool { index(of: type) != nil }

    /// The comprehension-required attributes that are not in `understood`, each once: a request with any is answered with 420, and a
    /// response with any is worthless (section 6.3).
    package func unknownRequired(besides understood: Set<AttributeType> = AttributeType.understood) -> [AttributeType] {
        var seen = understood
        return effectiveIndices.map { attributes[$0].type }.filter { $0.isComprehensionRequired && seen.insert($0).inserted }
    }

    func index(of type: AttributeType) -> Int? { effectiveIndices.first { attributes[$0].type == type } }

    /// Where the attributes are that count: nothing counts after an integrity attribute but FINGERPRINT, and MESSAGE-INTEGRITY-SHA256
    /// after MESSAGE-INTEGRITY (section 9).
    var effectiveIndices: [Int] {
        var seal: AttributeType?
        return attributes.indices.filter { index in
            let type = attributes[index].type
            guard seal == nil || type == .fingerprint || (seal == .messageIntegrity && type == .messageIntegritySHA256) else { return false }
            if type == .messageIntegrity || type == .messageIntegritySHA256 { seal = type }
            return true
        }
    }
}

extension STUNMessage.RawAttribute {
    init<Value: STUNMessage.Attribute>(_ attribute: Value, in transaction: STUNMessage.TransactionID) {
        self.init(Value.type, attribute.value(in: transaction))
    }
}
