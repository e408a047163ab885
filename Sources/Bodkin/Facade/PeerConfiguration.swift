public import BodkinCore
public import BodkinIdentity
public import BodkinProtocols
package import BodkinTransport
public import Logging
public import NIOCore

extension Peer {
    /// The remote peers that may dial a peer.
    public enum Admission: Hashable, Sendable {
        /// The most peers of a list: 1 000, what a server takes.
        public static let listLimit = 1000

        /// No peer: the local peer only dials.
        case nobody
        /// These peers, ``listLimit`` at most.
        case only(Set<PeerID>)
        /// Every peer that knows the ID and may use the server.
        case anyone

        /// Whether a peer may dial.
        public func admits(_ peer: PeerID) -> Bool {
            switch self {
            case .nobody: false
            case .only(let peers): peers.contains(peer)
            case .anyone: true
            }
        }
    }

    /// The paths that a peer uses.
    public enum PathPolicy: String, Hashable, Sendable {
        /// A circuit at once, and a direct path as soon as there is one.
        case all
        /// Direct paths only. The server relays no byte.
        case directOnly = "direct-only"
        /// Circuits only. The remote peer learns no local address.
        case relayOnly = "relay-only"
    }

    /// The settings of a peer. Everything except the identity and the server has a working default.
    public struct Configuration: Sendable {
        /// The identity of the peer.
        public var identity: Identity
        /// The server where peers meet.
        public var rendezvous: RendezvousURL
        /// The proxy by which the peer reaches the server; nil for none. Direct paths to remote peers do not use it.
        public var proxy: ProxyURL?
        /// The remote peers that may dial; by default none.
        public var admission = Admission.nobody
        /// The paths to use.
        public var paths = PathPolicy.all
        /// The reserved TCP port; 0 for one that is free.
        public var reservedPort: UInt16 = 0
        /// Whether to connect to private addresses on one's own links also when the server saw the two peers at two outside addresses.
        public var allowsPrivateAddresses = false
        /// Whether the peer predicts or searches the ports of NATs if the peers cannot meet otherwise. It has at most 1 024 SYNs in flight, and sends them only after
        /// the remote peer has proved itself over a circuit.
        public var predictsPorts = true
        /// Whether a background probe profiles each network once, as ``NetworkCheck`` does. The probe starts 30 s after the last dial, and a dial cancels it. It takes about
        /// thirty connections to the server's STUN ports, and fifty datagrams. The peer remembers the last eight networks. It publishes the profile as a
        /// ``PeerEvent``, and adds a recommendation to the log line of a relayed connection. With ``PathPolicy/relayOnly`` the peer never probes.
        public var profilesNetwork = true
        /// After how long without a dial.
        package var profileDelay = Duration.seconds(30)
        /// How long a dial may take before it fails: 30 s. With 2 % loss on every link 99 of 100 dials take less than 3 s.
        ///
        /// If the remote peer is not registered, or does not answer, the dial waits at the server within this time. It continues as soon as the peer registers. If the link
        /// to the server fails, the dial continues over the next one.
        public var dialTimeout = Duration.seconds(30)
        /// How long a connection lives without any path, while both sides look for one: 60 s. Afterwards it ends, with an error.
        public var pathlessLifetime = Duration.seconds(60)
        /// How long cards are good: longer than any clock that a person would notice is wrong by, and soon enough forgotten. They are signed anew in time.
        package var cardLifetime = Duration.seconds(2 * 3600)
        /// The bounds of each connection.
        public var session = Session.Configuration()
        /// The memory for bytes that have arrived on all connections, and that no application has read: 512 MiB. Each connection has 64 KiB of it at once, and more as
        /// soon as the application uses it.
        public var receiveMemory = 512 << 20
        /// Where log lines go: at most at level info, and a warning for each connection that stays relayed.
        public var logger = Logger(label: "bodkin", factory: { _ in SwiftLogNoOpLogHandler() })
        /// The threads that the peer may use; nil for those of the process. One event loop of it runs the whole peer.
        public var eventLoopGroup: (any EventLoopGroup)?
        /// Whether the peer waits for a server that cannot be used, and does not fail instead before its first registration.
        package var waitsForServer = true
        /// What the peer runs on.
        package var system: any HostSystem = KernelSystem()
        /// Is told what happens, on the peer's event loop: it must return at once.
        public var onEvent: (@Sendable (PeerEvent) -> Void)?

        /// The configuration of a peer that may be changed further.
        public init(identity: Identity, rendezvous: RendezvousURL, admission: Admission = .nobody) {
            self.identity = identity
            self.rendezvous = rendezvous
            self.admission = admission
        }
    }
}
