/// An error of the lab: it cannot be built or used.
public struct LabError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable, Hashable {
        /// The request makes no sense: exit status 64.
        case usage
        /// A right, a device or a program of the system is missing: exit status 77.
        case notPermitted
        /// The kernel refused something that should work.
        case system
        /// The lab has ended.
        case ended
    }

    /// The kind.
    public var code: Code
    /// The failure and the remedy, in two sentences.
    public var message: String
    /// The kernel's error number, if it was the cause.
    public var errorNumber: Int32?

    /// An error from its parts.
    public init(_ code: Code, _ message: String, errorNumber: Int32? = nil) {
        self.code = code
        self.message = message
        self.errorNumber = errorNumber
    }

    /// The message.
    public var description: String { message }

    /// The exit status of the kind, as in sysexits.
    package var exitStatus: Int32 {
        switch code {
        case .usage: 64
        case .notPermitted: 77
        case .system, .ended: 71
        }
    }
}
