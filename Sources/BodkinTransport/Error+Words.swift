import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension Error {
    /// What has happened, in a few plain words for reports and events: what the system says of its error's number, without the name of the call that met it.
    ///
    /// ```swift
    /// print("the path is lost: \(error.inPlainWords)")  // the path is lost: connection reset by peer
    /// ```
    package var inPlainWords: String {
        switch self {
        case let error as IOError:
            let words = String(cString: strerror(error.errnoCode))
            return words.prefix(1).lowercased() + words.dropFirst()
        case let error as NIOConnectionError: return error.connectionErrors.first?.error.inPlainWords ?? error.dnsAError?.inPlainWords ?? "\(error)"
        case let error as NIOSSLError where error == .uncleanShutdown: return "ended without a last word"
        default: return "\(self)"
        }
    }

    /// Whether the remote system has ended the connection in good order and its program has not, as when the program was killed. No NAT does so.
    package var isEndOfProgram: Bool { (self as? NIOSSLError) == .uncleanShutdown }
}
