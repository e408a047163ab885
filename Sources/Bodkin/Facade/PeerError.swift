public import BodkinCore

/// Why a peer cannot do what it was asked.
public struct PeerError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure.
    @nonexhaustive
    public enum Code: String, Sendable, Hashable {
        /// The peer is not registered with this server, or does not allow us to dial: the two look the same.
        case unavailable
        /// The peer is registered, but does not answer.
        case unresponsive
        /// The server allows no more dials now.
        case quota
        /// No path came up in time.
        case unreachable
        /// One's own ID was dialed.
        case ourselves
        /// The server has refused us.
        case refused
        /// The connection to the server was gone when the time was up.
        case serverLost
        /// The peer has been closed.
        case closed
    }

    /// The kind.
    public let code: Code
    /// One line: what failed, and what to do next.
    public let message: String
    /// The path attempts; nil if the failure does not concern a dial.
    public let report: ConnectionReport?

    init(_ code: Code, _ message: String, report: ConnectionReport? = nil) {
        self.code = code
        self.message = message
        self.report = report
    }

    /// The message, and one line for each attempt.
    public var description: String { ([message] + (report?.attempts.map { "  \($0)" } ?? [])).joined(separator: "\n") }
}
