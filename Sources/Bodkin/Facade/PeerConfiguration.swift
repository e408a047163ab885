public import BodkinCore
public import BodkinIdentity
public import BodkinProtocols
package import BodkinTransport
public import Logging
public import NIOCore

extension Peer {
    /// Who may dial a peer.
    public enum Admission: Hashable, Sendable {
        /// The most peers of a list: 1 000, what a server takes.
        public static let listLimit = 1000

        /// Nobody: it only dials.
        case nobody
        /// These peers, ``listLimit`` at most.
        case only(Set<PeerID>)
        /// Whoever knows its ID and may use the server.
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

    /// Which paths a peer uses.
    public enum PathPolicy: String, Hashable, Sendable {
        /// A circuit at once, and a direct path as soon as there is one.
        case all
        /// Direct paths alone: no byte goes through the server.
        case directOnly = "direct-only"
        /// Circuits alone: nobody learns our address from us.
        case relayOnly = "relay-only"
    }

    /// What a peer is made from. Everything but the identity and the server has a default that works.
    public struct Configuration: Sendable {
        /// Who the peer is.
        public var identity: Identity
        /// The server where peers meet.
        public var rendezvous: RendezvousURL
        /// Who may dial it; nobody unless said otherwise.
        public var admission = Admission.nobody
        /// The paths to use.
        public var paths = PathPolicy.all
        /// The reserved TCP port; 0 for one that is free.
        public var reservedPort: UInt16 = 0
        /// Whether to connect to private addresses on one's own links also when the server saw the two peers at two outside addresses.
        public var allowsPrivateAddresses = false
        /// Whether the external ports that NATs will give are predicted, or searched for, where peers cannot meet otherwise: at most 1 024 SYNs at a time, and only
        /// after the remote peer has proved itself over a circuit.
        public var predictsPorts = true
        /// Whether the rest of what there is to know of the network is found out as well, as ``NetworkCheck`` does: once in each network that the peer comes to, when
        /// nobody has dialed for 30 s, by some thirty connections to the server's STUN ports, and fifty datagrams. A dial ends that. It is remembered for the last
        /// eight networks. What is found is told (``PeerEvent``), and said of connections that stay relayed. Not done with ``PathPolicy/relayOnly``.
        public var profilesNetwork = true
        /// After how long without a dial.
        package var profileDelay = Duration.seconds(30)
        /// How long a dial may take before it fails: 30 s. With 2 % loss on every link 99 of 100 dials take less than 3 s.
        ///
        /// If the remote peer is not there, or does not answer, the dial waits at the server for so long, and goes on as soon as the peer is back. A dial whose
        /// link to the server dies goes on over the next one.
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
        public init(identity: Identity, rendezvous: RendezvousURL) {
            self.identity = identity
            self.rendezvous = rendezvous
        }
    }
}
