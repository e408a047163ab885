/// A STUN message (RFC 8489 section 5): class, method, transaction ID, and its attributes in their order.
///
/// ```swift
/// let request = STUNMessage.bindingRequest()
/// let response = STUNMessage.bindingSuccess(to: request, mapped: source)
/// let read = try STUNMessage(response.bytes)
/// print(try read.attribute(STUNMessage.XORMappedAddress.self)?.endpoint as Any)
/// ```
///
/// Attributes are kept as they came, unknown ones and padding included, so that a message that was read is written again byte for byte.
/// ``attribute(_:)`` reads one of a known type.
package struct STUNMessage: Hashable, Sendable {
    /// The most bytes a message may have here. RFC 8489 section 6.1 would keep requests below the path's MTU; whatever is larger is refused.
    package static let maximumSize = 2048
    /// The bytes before the attributes.
    package static let headerSize = 20
    /// The fixed value that tells STUN from other protocols (section 5).
    package static let magicCookie: UInt32 = 0x2112_A442

    /// Request, indication, success or error.
    package let `class`: Class
    /// What is asked for or answered.
    package let method: Method
    /// What ties a response to its request.
    package let transactionID: TransactionID
    /// All attributes in the order of the wire, those that are to be ignored included.
    package var attributes: [RawAttribute]

    /// A message without attributes.
    package init(_ class: Class, _ method: Method, transactionID: TransactionID = .random()) {
        self.class = `class`
        self.method = method
        self.transactionID = transactionID
        attributes = []
    }
}
