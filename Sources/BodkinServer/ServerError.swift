/// Why a rendezvous server does not run.
public struct ServerError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure.
    @nonexhaustive
    public enum Code: String, Sendable, Hashable {
        /// The configuration contradicts itself.
        case configuration
        /// The certificate or the key cannot be used.
        case credentials
        /// An address or a port cannot be listened on.
        case bind
        /// The server has been stopped before it listened.
        case stopped
    }

    /// The kind.
    public let code: Code
    /// One line: what failed, and what to do next.
    public let message: String
    /// The error of the system or of a library, if there is one.
    public let cause: (any Error)?
    /// The listener that failed; nil for other failures.
    package let listener: Listener?

    /// A socket that a server listens on.
    package enum Listener: String, Sendable, Hashable {
        case rendezvous
        case stun = "STUN"
        case health
    }

    init(_ code: Code, _ message: String, cause: (any Error)? = nil, listener: Listener? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
        self.listener = listener
    }

    /// The message.
    public var description: String { message }
}
