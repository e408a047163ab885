import NIOCore
import NIOSSL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Why the network cannot be used as asked.
public struct TransportError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Sendable, Hashable {
        /// Another program has the port.
        case portInUse
        /// The system does not allow the port.
        case portForbidden
        /// No way leads to the rendezvous server.
        case serverUnreachable
        /// Another rendezvous server than the one that the URL names answers, with a key of its own; or the URL cannot authenticate any.
        case serverImpostor
        /// Another service answers in the server's place: a captive portal, an intercepting proxy, or another program. It may go away.
        case serverIntercepted
        /// The server speaks another protocol.
        case serverProtocol
        /// The server has refused, or has closed.
        case serverRefused
        /// The proxy gives no way to the server.
        case proxyRefused
        /// The proxy wants a user name and a password, or others than it was given.
        case proxyCredentials
    }

    /// The kind.
    public let code: Code
    /// One line: what failed, and what to do next.
    public let message: String
    /// The error of the system or of a library.
    public let cause: (any Error)?

    /// An error from its parts.
    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// The message.
    public var description: String { message }

    /// Whether a handshake failed because the remote peer ended the connection, which says nothing about who it is.
    package static func isEndOfHandshake(_ error: any Error) -> Bool {
        guard case NIOSSLError.handshakeFailed(.sslError(let errors)) = error else { return false }
        return errors.contains(.eofDuringHandshake)
    }

    static func port(_ number: UInt16, _ cause: any Error) -> TransportError {
        switch (cause as? IOError)?.errnoCode {
        case EADDRINUSE:
            TransportError(.portInUse, "Another program uses port \(number). Choose another port, or port 0 for a free one.", cause: cause)
        case EACCES, EPERM:
            TransportError(.portForbidden, "The system does not allow port \(number). Choose a port from 1024 to 65535.", cause: cause)
        default: TransportError(.portForbidden, "The system refused port \(number) (\(cause.inPlainWords)). Choose another port.", cause: cause)
        }
    }
}
