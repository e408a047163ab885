package import BodkinCore

extension OutboundGate {
    /// How much the local peer has to do with a remote peer.
    package enum Standing: Hashable, Sendable, CaseIterable {
        /// It has dialed the local peer, whose admission names nobody, and has not proved its key yet. A server can invent as many of these as it wants.
        case stranger
        /// It has proved its key. Keys are free, so a server can invent these, too, with more work.
        case provedStranger
        /// The local application has dialed it, or the admission list names it.
        case listed
    }

    /// What a connection or a datagram is for.
    package enum Purpose: Hashable, Sendable {
        /// The rendezvous server and its STUN port, at an address that the user's URL leads to; or at another one that the server names (OTHER-ADDRESS of RFC 5780).
        case server
        /// A TURN relay that the server names.
        case relay
        /// The local peer's own external endpoint, as the server tells it: the probes of hairpinning and of nested NATs.
        case reflection
        /// One SYN to a candidate of a remote peer.
        case meet(PeerID, Standing)
        /// One of many SYNs to predicted ports of a remote peer.
        case search(PeerID, Standing)
    }

    /// Why a connection or a datagram does not leave.
    package enum Refusal: String, Error, Hashable, Sendable, CaseIterable {
        /// Loopback, link-local, multicast, reserved.
        case unusable = "an address that is never connected to"
        /// An address of a private network, where only a public one makes sense.
        case notPublic = "an address that is not public"
        /// A port below 1024.
        case port = "a port below 1024"
        /// An address of this host.
        case ourselves = "a local endpoint"
        /// A gateway of this host.
        case gateway = "a local gateway"
        /// The target has had its hourly share.
        case address = "too many connections to this address within an hour"
        /// The remote peer has had its hourly share.
        case peer = "too many connections for this peer within an hour"
        /// Everybody of this standing has had the hourly share.
        case total = "too many connections for peers that are not listed within an hour"

        /// Whether the same may be allowed later, or for a peer that has proved its key.
        package var isBudget: Bool { [.address, .peer, .total].contains(self) }
    }

    /// How many connections and datagrams may leave within an hour; as many at once.
    package struct Limits: Hashable, Sendable {
        /// To one IPv4 address, or to one IPv6 /64.
        package var address: Int
        /// For one remote peer.
        package var peer: Int
        /// In all.
        package var total: Int
    }

    /// Whose limits count. A search of one round fires up to 1 024 SYNs, and has two rounds; a Meet fires one or two before a circuit's handshake is over.
    enum Class: Hashable, Sendable {
        case told
        case peer(Standing)

        var limits: Limits {
            switch self {
            // A check with a second address asks it some sixty times, and each dial behind a NAT that counts once more.
            case .told: Limits(address: 512, peer: 512, total: 1024)
            case .peer(.stranger): OutboundGate.strangerLimits
            case .peer(.provedStranger): OutboundGate.provedStrangerLimits
            case .peer(.listed): OutboundGate.listedLimits
            }
        }
    }

    /// A share of the budget.
    enum Account: Hashable, Sendable {
        case address(Class, IPPrefix)
        case peer(Class, PeerID)
        case total(Class)

        var limit: Int {
            switch self {
            case .address(let owner, _): owner.limits.address
            case .peer(let owner, _): owner.limits.peer
            case .total(let owner): owner.limits.total
            }
        }

        var refusal: Refusal {
            switch self {
            case .address: .address
            case .peer: .peer
            case .total: .total
            }
        }
    }
}
