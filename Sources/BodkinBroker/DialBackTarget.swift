package import BodkinCore

/// The target of a DialBack: only the remote end of a TCP connection that a peer has authenticated as its own.
package struct DialBackTarget: Hashable, Sendable {
    /// The endpoint.
    package let endpoint: Endpoint
    /// The server's address that the authenticated connection goes to; nil if it is not known.
    package let arrival: IPAddress?

    /// A target from its parts.
    package init(_ endpoint: Endpoint, arrival: IPAddress?) {
        self.endpoint = endpoint
        self.arrival = arrival
    }
}
