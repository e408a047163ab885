import BodkinCore
import BodkinIdentity
import BodkinProtocols

extension RendezvousClient {
    /// Everything that stays the same for a peer's life.
    struct Configuration {
        /// The identity that registers; its key signs the cards.
        var identity: Identity
        /// Which process of it.
        var instance: InstanceID
        /// The join token; nil for an open server.
        var token: [UInt8]?
        /// The peers that may dial.
        var policy: WirePolicy
        /// The key of the STUN credential by which NAT bindings prove whose they are.
        var stunKey: [UInt8]
        /// How long cards are good.
        var cardLifetime: Duration
        /// The hash of the server's key in the URL; nil where a public authority vouches for it.
        var keyHash: [UInt8]?
        /// Whether the URL names the server by a name, which may lead to other addresses later.
        var hasNames: Bool
        /// The server as messages name it.
        var serverName = ""
        /// The proxy as messages name it; nil where there is none.
        var proxyName: String?
        /// Whether an address of the server is known without the resolver.
        var isLocated = true
        /// Whether the client waits for a server that cannot be used before the first registration, and does not fail instead.
        var isPatient = true
    }

    /// What has come of a resolution of the server's names.
    struct Resolution: Equatable {
        /// Whether any address is known, by this resolution or an earlier one.
        var isLocated: Bool
        /// Whether one of the addresses was not known before.
        var isNew: Bool
        /// Whether the address of the present link is none of those that the names lead to now.
        var lacksPresent: Bool
    }

    /// A time without a server that has taken a card.
    struct Absence {
        /// Why the latest attempt has failed.
        var error: any Error
        /// Whether that no server can be reached was told, and that something else answers in its place.
        var hasToldUnreachable = false
        var hasToldOther = false
    }
}

/// The contents of a peer's card, and the state of its NAT bindings.
struct LocalDescription: Equatable {
    /// Where the peer may be reached.
    var candidates: [Candidate] = []
    /// Whether every connection from the reserved port has the endpoint that the server sees, over IPv4.
    var keepsEndpoint = false
    /// How many NAT bindings there are, connected or not.
    var bindingCount = 0
    /// How many of them the server has answered.
    var observedCount = 0
    /// Whether the answer to one that is connected is still to come.
    var isAnswerPending = false
    /// After what silence the NATs on the way to the server want to see a packet.
    var keepalive = KeepaliveSearch.first
}

/// How much dials and sessions need the server.
struct ServerDemand: Equatable {
    /// Whether something is to come from the server, or by it.
    var isAwaited = false
    /// Whether more is lost with the link than a session without a path would dial for again: what runs on a circuit, or a first dial.
    var isPrecious = false
    /// Whether somebody waits for the server to be back.
    var isMissed = false
}

/// A change of the network.
struct NetworkChange: Equatable {
    /// Whether addresses, links or routes are others than before.
    var isOtherNetwork: Bool
    /// Whether there is any address.
    var hasAddress: Bool
    /// Whether the address that the link leaves from is gone; true also where there is no link.
    var isLinkAddressGone: Bool
}
