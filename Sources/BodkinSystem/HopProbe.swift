public import BodkinCore

/// A UDP datagram over IPv4 that may go so many hops and no further, and what comes back of it. It needs no rights.
///
/// ```swift
/// let probe = HopProbe.send(bytes, to: server, hops: 1)
/// if case .exceeded(let router) = probe?.answer() { print(router) }
/// probe?.close()
/// ```
public struct HopProbe: Sendable {
    /// What comes back.
    public enum Answer: Hashable, Sendable {
        /// This router has thrown it away, as it had gone so many hops (RFC 792, time exceeded in transit).
        case exceeded(IPAddress)
        /// It has arrived where this port is closed (RFC 792, port unreachable).
        case closed(IPAddress)
        /// This machine says that it is not delivered, for another reason.
        case refused(IPAddress)
        /// A datagram from its destination.
        case answered
    }

    /// The socket that it was sent from.
    let descriptor: CInt
}
