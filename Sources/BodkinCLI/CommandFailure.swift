import Bodkin
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinServer
import BodkinTransport
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The failure of a command: one line, and an exit status by sysexits.h.
struct CommandFailure: Error, Sendable {
    /// The exit statuses of sysexits.h.
    enum Status {
        static let usage: Int32 = 64
        static let data: Int32 = 65
        static let noPeer: Int32 = 68
        static let unavailable: Int32 = 69
        static let software: Int32 = 70
        static let system: Int32 = 71
        static let cannotCreate: Int32 = 73
        static let input: Int32 = 74
        static let temporary: Int32 = 75
        static let protocolError: Int32 = 76
        static let notPermitted: Int32 = 77
    }

    /// The exit status.
    var status: Int32
    /// One line: the failure, and what to do.
    var message: String
    /// The message with all details, for `--verbose`.
    var details: String

    init(_ status: Int32, _ message: String, details: String? = nil) {
        self.status = status
        self.message = message
        self.details = details ?? message
    }

    /// Creates the failure of the command from an error.
    init(_ error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as IdentityError: self.init(Self.status(of: error.code), CommandHint.message(error))
        case let error as PeerID.ParseError: self.init(Status.data, "\(error)")
        case let error as RendezvousURL.ParseError: self.init(Status.data, error.message)
        case let error as ProxyURL.ParseError: self.init(Status.data, error.message)
        case let error as TransportError:
            let message = CommandHint.message(error)
            self.init(Self.status(of: error.code), message, details: Self.details(message, error.cause))
        case let error as PeerError:
            let attempts = error.report?.attempts.map { "  \($0)" } ?? []
            let message = CommandHint.message(error)
            self.init(Self.status(of: error.code), message, details: ([message] + attempts).joined(separator: "\n"))
        case let error as ServerError:
            let message = CommandHint.message(error)
            self.init(Self.status(of: error), message, details: Self.details(message, error.cause))
        case let error as ConnectionError: self.init(Status.temporary, Self.message(error))
        case is BrokenOutput: self.init(BrokenOutput.status, "Nobody reads standard output. Check the pipe.")
        case let error as DescriptorError where error.isExhausted:
            self.init(
                Status.system,
                "The system has no descriptor left for another connection (\(String(cString: strerror(error.number)))). Raise the limit ('ulimit -n')."
            )
        case let error as DescriptorError:
            self.init(Status.input, "Standard input or output failed (\(String(cString: strerror(error.number)))). Check the file or pipe.")
        case is CancellationError: self.init(Status.temporary, "The command was cancelled. Run it again.")
        default: self.init(Status.software, "An unexpected error occurred (\(error)). Report it to the authors of Bodkin.")
        }
    }

    /// Creates the failure of a command whose remote peer has not read everything, and the error that said so.
    static func unread(_ error: ConnectionError?) -> CommandFailure {
        let what = error?.remoteCode == CloseCode.interrupted ? "was interrupted" : "ended or stopped reading"
        return CommandFailure(Status.temporary, "The remote peer \(what) before it had read everything. Send it again.")
    }

    private static func message(_ error: ConnectionError) -> String {
        switch error.remoteCode {
        case CloseCode.done?: "The remote peer closed the connection before the end of its data. Ask for the data again."
        case CloseCode.interrupted?: "The remote peer was interrupted before the end of its data. Ask for the data again."
        case CloseCode.full?: "The remote peer has no room for another connection, because it has no descriptor left. Connect again later."
        default: error.message
        }
    }

    private static func details(_ message: String, _ cause: (any Error)?) -> String { cause.map { "\(message)\n  \($0)" } ?? message }

    private static func status(of code: IdentityError.Code) -> Int32 {
        switch code {
        case .exposed: Status.notPermitted
        case .system: Status.cannotCreate
        case .missing, .exists, .unreadable: Status.data
        }
    }

    private static func status(of code: TransportError.Code) -> Int32 {
        switch code {
        case .portInUse: Status.cannotCreate
        case .portForbidden: Status.notPermitted
        case .serverUnreachable, .serverRefused, .proxyRefused: Status.unavailable
        case .proxyCredentials: Status.notPermitted
        case .serverImpostor, .serverIntercepted, .serverProtocol: Status.protocolError
        }
    }

    private static func status(of code: PeerError.Code) -> Int32 {
        switch code {
        case .unavailable: Status.noPeer
        case .unresponsive, .quota, .serverLost, .closed: Status.temporary
        case .unreachable: Status.unavailable
        case .ourselves: Status.usage
        case .refused: Status.notPermitted
        }
    }

    private static func status(of error: ServerError) -> Int32 {
        switch error.code {
        case .configuration: return Status.usage
        case .credentials: return Status.data
        case .bind:
            let number = (error.cause as? IOError)?.errnoCode
            return number == EACCES || number == EPERM ? Status.notPermitted : Status.cannotCreate
        case .stopped: return Status.temporary
        }
    }
}
