/// Why bytes are no STUN message, or a message cannot be made, with what to do about it.
public struct STUNError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The bytes are not STUN at all: another protocol, or noise.
        case notSTUN
        /// The message is cut short or longer than it says.
        case wrongLength
        /// The message is larger than ``STUNMessage/maximumSize``.
        case tooLarge
        /// An attribute runs beyond the message, or its value does not have the form of its type.
        case malformedAttribute
        /// FINGERPRINT is not the last attribute, or not that of these bytes.
        case wrongFingerprint
    }

    /// The kind.
    public var code: Code
    /// One line: what is wrong, and what to do next.
    public var message: String

    /// An error from its parts.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
