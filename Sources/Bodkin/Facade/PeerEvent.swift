public import BodkinCore
public import BodkinPrediction

/// An event of a peer, for logs, progress displays and tests.
public struct PeerEvent: Sendable {
    /// The kind of an event.
    @nonexhaustive
    public enum Kind: Sendable {
        /// The peer is registered, and the server sees its NAT bindings at these endpoints.
        case registered([Endpoint])
        /// A dial has begun.
        case dialing(PeerID)
        /// A dial waits at the server, within its timeout: the remote peer is not registered, does not admit this peer, or has not answered.
        case waiting(PeerID)
        /// A path attempt of a dial has begun, or has its verdict.
        case attempt(PeerID, ConnectionReport.Attempt)
        /// A path is established, and its handshake is complete.
        case pathEstablished(PeerID, Route, remote: Endpoint?)
        /// A connection is established; its first bytes take this route.
        case connected(PeerID, Route)
        /// The path of a connection has failed, and the peer looks for another path.
        case pathLost(PeerID, Route, reason: String)
        /// A connection has moved to another path.
        case pathChanged(PeerID, Route, remote: Endpoint?)
        /// A dial is over; the report lists every path attempt.
        case report(ConnectionReport)
        /// A connection is closed.
        case closed(PeerID, reason: String)
        /// The connection to the server is lost, and the peer reconnects.
        case serverLost(String)
        /// The server cannot be used, for this reason, and the peer tries again and again. Told once for each kind of reason until the peer is registered: no
        /// server can be reached, or something else answers in its place.
        case awaitingServer(String)
        /// A background probe has profiled the network, or the profile is known from before; see ``Peer/Configuration/profilesNetwork``.
        case networkProfiled(NetworkProfile)
        /// A consumer of ``Peer/events`` fell behind, and has missed this number of events.
        case missed(Int)
    }

    /// The kind of the event.
    public let kind: Kind
    /// The time since the start of the event's dial, or of the peer.
    public let elapsed: Duration
}
