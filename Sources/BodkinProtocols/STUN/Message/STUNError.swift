/// An error of the STUN codec: bytes that are not a STUN message, or a message that cannot be encoded.
package struct STUNError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of failure.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        /// The bytes are not STUN: another protocol, or noise.
        case notSTUN
        /// The message is shorter or longer than it announces.
        case wrongLength
        /// The message is larger than ``STUNMessage/maximumSize``.
        case tooLarge
        /// An attribute is longer than the message, or its value does not have the form of its type.
        case malformedAttribute
        /// FINGERPRINT is not the last attribute, or does not match the message.
        case wrongFingerprint
    }

    /// The kind.
    package var code: Code
    /// What failed, and what to do; two sentences.
    package var message: String

    /// An error from its parts.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    package var description: String { message }
}
