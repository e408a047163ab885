package import BodkinCore

/// Where the server connects to for a DialBack: nothing but the far end of a TCP connection that a peer has proved to be its own.
package struct DialBackTarget: Hashable, Sendable {
    /// The endpoint.
    package let endpoint: Endpoint
    /// The server's address that the proved connection goes to; nil where that is not known.
    package let arrival: IPAddress?

    /// A target from its parts.
    package init(_ endpoint: Endpoint, arrival: IPAddress?) {
        self.endpoint = endpoint
        self.arrival = arrival
    }
}
