public import BodkinBroker
public import BodkinCore
public import BodkinIdentity
public import BodkinProtocols

extension RendezvousServer {
    /// The settings of a server. Every setting except the hosts and the credentials has a working default.
    public struct Configuration: Sendable {
        /// The credentials by which the server proves itself.
        public enum Credentials: Sendable {
            /// A self-made key. Its hash is in the URL, and clients go by that alone.
            case identity(Identity)
            /// An operator's certificate chain and key, both files in PEM, any usual kind of key. Clients go by public certificate authorities and the
            /// host's name, or by the key's hash where `isPinned` puts it into the URL.
            case certificate(file: String, keyFile: String, isPinned: Bool)
        }

        /// The peers that may use the server.
        public enum Admission: Sendable {
            /// Peers with one of these tokens; the first is in the URL. Further ones let a token be changed without a moment when none is good.
            case tokens(JoinTokens)
            /// Everybody. Then anybody may have bytes relayed, up to the quotas.
            case open
        }

        /// The names or addresses under which clients reach the server, as the URL shows them; at least one.
        public var hosts: [String]
        /// The credentials by which the server proves itself.
        public var credentials: Credentials
        /// The peers that may use the server.
        public var admission: Admission
        /// Peers that may not, whatever their token.
        public var refusedPeers: Set<PeerID> = []
        /// The TURN relays that peers are told of; nil for none.
        public var relays: TURNRelays?
        /// SHA-256 of the SubjectPublicKeyInfo of the key that the server will have next, for the URL: clients then trust either.
        public var nextKeyHash: [UInt8]?
        /// The addresses that are listened on. By default every one; a family that the machine lacks is then left out.
        public var bindAddresses: [IPAddress] = [.unspecified(.v4), .unspecified(.v6)]
        /// The TCP port of the rendezvous; 0 for one that the system chooses.
        public var port: UInt16 = RendezvousURL.defaultPort
        /// The port that the URL shows, where a front stands before the server; otherwise the same.
        public var publicPort: UInt16?
        /// The STUN port, TCP and UDP; 0 for one that the system chooses.
        public var stunPort: UInt16 = RendezvousURL.defaultSTUNPort
        /// The STUN port that the URL shows, where a front stands before the server; otherwise the same. The next one leads to the alternate port.
        public var publicSTUNPort: UInt16?
        /// The alternate STUN port; by default the next one.
        public var alternateSTUNPort: UInt16?
        /// A second address of the machine for STUN, with which clients can find out how their NAT filters (RFC 5780). It needs the first among
        /// ``bindAddresses`` to be an address proper of the same family.
        public var secondAddress: IPAddress?
        /// Where `GET /health` is answered over plain HTTP; nil for nowhere. Not for the public: let it be a loopback address or a private one.
        public var healthEndpoint: Endpoint?
        /// The quotas of one token or address.
        public var quotas = Quotas()
        /// Global limits and timeouts of the server.
        public var limits = Limits()

        /// A configuration of defaults.
        public init(hosts: [String], credentials: Credentials, admission: Admission) {
            self.hosts = hosts
            self.credentials = credentials
            self.admission = admission
        }
    }

    /// Global limits and timeouts of a server.
    public struct Limits: Sendable, Hashable {
        /// Connections of peers at once: at 36 KiB each, a STUN connection included, about 740 MB.
        public var connections = 20_000
        /// Connections at once that have not said Hello with a good token. If there are more, the oldest is closed. Fewer where the process may have few descriptors.
        public var unauthenticatedConnections = 2_048
        /// TLS handshakes in a second; more wait for their turn. One takes about 0.4 ms of the processor.
        public var handshakesPerSecond = 1_000.0
        /// TCP connections to the STUN ports that a peer has authenticated, at once; a peer has one for each address family and interface.
        public var stunConnections = 40_000
        /// TCP connections to the STUN ports that nobody has authenticated, at once. If there are more, the oldest is closed.
        public var unauthenticatedSTUNConnections = 4_096
        /// Both from one IPv4 address or IPv6 /56.
        public var stunConnectionsPerSource = 512
        /// Attempts at once; each lives a minute.
        public var attempts = 100_000
        /// The bytes that a circuit may carry in either direction before its reader gives credit. The server keeps at most that many for it. 256 KiB carry
        /// 10 MB/s over a round trip of 25 ms.
        public var circuitWindow = 262_144
        /// The price of one connection's messages in a second, in units of a ping; see `Quota.messagesPerSecond`.
        public var messagesPerSecond = 10_000.0
        /// The bytes that all users together may have the server keep, beyond what every connection takes; see `Quota.bufferedBytes`.
        public var bufferedBytes = 536_870_912
        /// Dials a second from one IPv4 address or IPv6 /56 to one peer; eight times as many may come at once.
        public var dialsToOnePeerPerSecond = 8.0
        /// How long a connection may take until it has said hello. Three lost packets in a row still fit.
        public var handshakeTimeout: Duration = .seconds(10)
        /// A peer that says nothing for such an interval is pinged, and is gone if it says nothing during the next one either. Peers of this version probe the server
        /// more often, and so are never pinged.
        public var pingInterval: Duration = .seconds(30)
        /// How long a TCP connection to a STUN port lives without a request.
        public var stunIdleTimeout: Duration = .seconds(180)
        /// How long a shutdown waits for clients to close.
        public var shutdownGrace: Duration = .seconds(2)

        /// The defaults.
        public init() {}
    }

    /// Where a server listens.
    public struct Listening: Sendable, Hashable {
        /// The URL for clients; it holds the join token.
        public let url: RendezvousURL
        /// Where the rendezvous is.
        public let rendezvous: [Endpoint]
        /// Where STUN is answered, over TCP and UDP alike.
        public let stun: [Endpoint]
        /// Where the health endpoint is.
        public let health: Endpoint?
    }
}
