package import BodkinCore

/// What one request to a STUN server (RFC 8489, over TCP) has shown of the NAT's port allocation.
///
/// Samples are listed in the order of sending: where two were sent at the same instant, the order of the list decides.
///
/// ```swift
/// let sample = AllocationSample(
///     localPort: 40_000, destination: server, external: mapped, sent: .milliseconds(10), answered: .milliseconds(60))
/// ```
package struct AllocationSample: Hashable, Sendable {
    /// The local port that the SYN was sent from.
    package var localPort: UInt16
    /// The server's endpoint that it was sent to.
    package var destination: Endpoint
    /// The endpoint that the server saw.
    package var external: Endpoint
    /// When the SYN was sent, since any origin that all samples share.
    package var sent: Duration
    /// When the first answer to it came, since the same origin. Of two probes of which one was answered before the other was sent, the NAT has seen them in
    /// this order for certain.
    package var answered: Duration

    /// A sample from its parts.
    package init(localPort: UInt16, destination: Endpoint, external: Endpoint, sent: Duration, answered: Duration) {
        self.localPort = localPort
        self.destination = destination
        self.external = external
        self.sent = sent
        self.answered = answered
    }
}
