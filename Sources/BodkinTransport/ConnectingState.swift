package import NIOCore
import NIOPosix

/// The state of a connection that is not established.
package enum ConnectingState: Sendable {
    /// A SYN has been sent, and nothing has come: SYN-SENT (RFC 9293 section 3.3.2).
    case synSent
    /// The remote peer's SYN has come as well: SYN-RECEIVED.
    case synReceived
    /// It is established, and its owner will hear of it in a moment.
    case established
    /// None of these, or the system does not tell.
    case other
}

extension ReservedPort {
    /// Finds out the state of a connection. On its own event loop `body` is called before this returns.
    package static func inspect(_ channel: any Channel, _ body: @escaping (ConnectingState) -> Void) {
        guard let provider = channel as? any SocketOptionProvider else { return body(.other) }
        // The first byte of both systems' structures is the state; Linux has 1, 2 and 3 for these, Darwin 4, 2 and 3.
        let state: EventLoopFuture<UInt8> = provider.unsafeGetSocketOption(level: .tcp, name: SocketOptions.connectionInformation)
        state.assumeIsolated().whenComplete { result in
            switch try? result.get() {
            case 1, 4: body(.established)
            case 2: body(.synSent)
            case 3: body(.synReceived)
            default: body(.other)
            }
        }
    }
}
