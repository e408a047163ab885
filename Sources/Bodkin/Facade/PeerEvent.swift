public import BodkinCore

/// What happens in a peer, for logs, progress displays and tests.
public struct PeerEvent: Sendable {
    /// What it is.
    @nonexhaustive
    public enum Kind: Sendable {
        /// The server knows the peer, and sees its warm connections at these endpoints.
        case registered([Endpoint])
        /// A dial begins.
        case dialing(PeerID)
        /// One way of a dial has begun or has its verdict.
        case attempt(PeerID, ConnectionReport.Attempt)
        /// A path is up: its handshake is over.
        case path(PeerID, Route, remote: Endpoint?)
        /// There is a connection; this is the path that its first bytes take.
        case connected(PeerID, Route)
        /// The path that carried a connection is dead: another one is looked for.
        case pathLost(PeerID, Route, reason: String)
        /// A connection has moved to another path, and goes on there.
        case moved(PeerID, Route, remote: Endpoint?)
        /// A dial is over, with all that is to be known of it.
        case report(ConnectionReport)
        /// A connection is over.
        case closed(PeerID, reason: String)
        /// The connection to the server is gone; the peer tries again.
        case serverLost(String)
        /// The network has been looked at in the background, or is known from before; see ``Peer/Configuration/profilesNetwork``.
        case profiled(NetworkProfile)
        /// A consumer of ``Peer/events`` fell behind, and so many events before this one are lost to it.
        case missed(Int)
    }

    /// What it is.
    public let kind: Kind
    /// When: since the dial that it belongs to, or since the start of the peer.
    public let elapsed: Duration
}
