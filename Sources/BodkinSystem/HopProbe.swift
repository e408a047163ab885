/// A UDP datagram over IPv4 that may go so many hops and no further, and what comes back of it. It needs no rights.
///
/// ```swift
/// let probe = HopProbe.send(bytes, to: server, hops: 1)
/// if case .exceeded(let router) = probe?.answer() { print(router) }
/// probe?.close()
/// ```
package struct HopProbe: Sendable {
    /// The socket that it was sent from.
    let descriptor: CInt
}
