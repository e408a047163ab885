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

/// Why a command has failed, in one line, with the exit status by sysexits that says the same.
struct CommandFailure: Error, Sendable {
    /// The statuses, as sysexits.h names them.
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
    /// One line: what failed, and what to do next.
    var message: String
    /// The same with everything that is known, for `--verbose`.
    var details: String

    init(_ status: Int32, _ message: String, details: String? = nil) {
        self.status = status
        self.message = message
        self.details = details ?? message
    }

    /// What an error means for the command.
    init(_ error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as IdentityError: self.init(Self.status(of: error.code), error.message)
        case let error as PeerID.ParseError: self.init(Status.data, "\(error)")
        case let error as RendezvousURL.ParseError: self.init(Status.data, error.message)
        case let error as TransportError: self.init(Self.status(of: error.code), error.message, details: Self.details(error.message, error.cause))
        case let error as PeerError: self.init(Self.status(of: error.code), error.message, details: "\(error)")
        case let error as ServerError: self.init(Self.status(of: error), error.message, details: Self.details(error.message, error.cause))
        case let error as ConnectionError: self.init(Status.temporary, error.message)
        case let error as DescriptorError:
            self.init(Status.input, "standard input or output fails: \(String(cString: strerror(error.number))); check where they lead")
        case is CancellationError: self.init(Status.temporary, "given up: run it again")
        default: self.init(Status.software, "unexpected: \(error); please report it")
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
        case .serverUnreachable, .serverRefused: Status.unavailable
        case .serverImpostor, .serverProtocol: Status.protocolError
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
