extension STUNMessage.Attribute {
    /// The error for a value that does not have the form of its type.
    static func malformed(_ reason: String) -> STUNError {
        STUNError(.malformedAttribute, "The STUN attribute \(Self.type) is malformed: \(reason). Refuse a request with 400; drop another message.")
    }

    /// Reads UTF-8 of at most `limit` bytes.
    static func text(_ value: [UInt8], limit: Int) throws(STUNError) -> String {
        guard value.count <= limit else { throw malformed("it may have at most \(limit) bytes") }
        guard let text = String(validating: value, as: UTF8.self) else { throw malformed("it must be UTF-8") }
        return text
    }
}
