import Bodkin
import BodkinCore
import BodkinIdentity
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

/// The options and commands that carry out the advice of the library. The library names neither of them.
enum CommandHint {
    /// Returns the advice of a verdict, with the option or command for it.
    static func advice(_ verdict: RelayVerdict) -> String { verdict.advice.adding(hint(verdict)) }

    /// Returns the advice of a recommendation, with the option for it.
    static func advice(_ recommendation: Recommendation) -> String {
        switch recommendation {
        case .forwardPort, .bridgeRouter: recommendation.advice.adding("choose the port with --reserved-port")
        case .letTCPOut, .useIPv6, .serverIPv6, .askProvider: recommendation.advice
        }
    }

    /// Returns the message of an error, with the option or command for it.
    static func message(_ error: PeerError) -> String {
        error.message.adding(error.code == .unreachable ? "leave out --direct-only" : nil)
    }

    /// Returns the message of an error, with the option or command for it.
    static func message(_ error: TransportError) -> String {
        switch error.code {
        case .portInUse, .portForbidden: error.message.adding("--reserved-port")
        case .serverUnreachable, .serverImpostor, .serverIntercepted, .serverProtocol, .serverRefused, .proxyRefused: error.message
        case .proxyCredentials: error.message.adding("--proxy, https_proxy")
        }
    }

    /// Returns the message of an error, with the option or command for it.
    static func message(_ error: IdentityError) -> String {
        switch error.code {
        case .missing: error.message.adding("'bodkin id' creates one")
        case .system: error.message.adding("--state-dir")
        case .exposed, .exists, .unreadable: error.message
        }
    }

    /// Returns the message of an error, with the option for the listener that failed.
    static func message(_ error: ServerError) -> String {
        let isAddressMissing = (error.cause as? IOError)?.errnoCode == EADDRNOTAVAIL
        let option: String? =
            switch error.listener {
            case .health?: "--health"
            case .rendezvous?: isAddressMissing ? "--bind" : "--port"
            case .stun?: isAddressMissing ? "--bind or --second-address" : "--stun-port"
            case nil: nil
            }
        return error.message.adding(option)
    }

    private static func hint(_ verdict: RelayVerdict) -> String? {
        switch verdict {
        case .notWanted: "leave out --relay-only"
        case .unseenHere: "see 'bodkin check'"
        case .unseenThere, .forbidden: "see 'bodkin check' at the remote peer"
        case .refused, .silent: "choose the port with --reserved-port; see 'bodkin check' at both peers"
        case .unpredictable: "choose the port with --reserved-port"
        case .failed: "--verbose prints them"
        case .noCommonFamily, .impostor, .unsteady: nil
        }
    }
}

extension String {
    /// The text with a hint in parentheses before its final period.
    fileprivate func adding(_ hint: String?) -> String {
        guard let hint else { return self }
        return hasSuffix(".") ? "\(dropLast()) (\(hint))." : "\(self) (\(hint))"
    }
}
