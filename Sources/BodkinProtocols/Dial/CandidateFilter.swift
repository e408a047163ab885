package import BodkinCore

/// What a peer is willing to connect to, so that neither the server alone nor a peer alone can aim SYNs at a third party. (A server that has lied to a peer
/// about its own place from the start is believed: see docs/architecture.md.)
///
/// - A public address: only if the server observed it for that peer (on an authenticated STUN connection of the peer) *and* the peer signed it.
/// - A private address inside an on-link prefix of one's own: only if the server saw both peers from one public outside address, never a gateway.
/// - A private address beyond the link, as in another subnet of the same site: only if the server's observation of the peer, the peer's own one, which it has
///   signed, and ours of ourselves agree on one outside address; only once the peer has authenticated itself end to end; never what is likely a gateway;
///   never the shared addresses of RFC 6598, which are the carrier's network, unless this peer has one, too.
/// - Never loopback, link-local, multicast or oneself; ports from 1024 up; at most 8 candidates of a card.
package struct CandidateFilter: Sendable {
    /// Why a candidate is not connected to.
    package enum Refusal: String, Error, Hashable, Sendable {
        /// Loopback, link-local, multicast, reserved.
        case unusable = "an address that is never connected to"
        /// A port below 1024.
        case port = "a port below 1024"
        /// One of our own endpoints.
        case ourselves = "a local endpoint"
        /// Our gateway.
        case gateway = "our gateway"
        /// A public address that the server has not seen the peer at.
        case unobserved = "the server has not seen the peer there"
        /// A private address on no link of ours, where nothing else says that the peer is in our network.
        case offLink = "on no link of ours"
        /// A private address beyond our links, of a peer that is not authenticated yet.
        case unauthenticated = "beyond our links, and the peer has not authenticated itself"
        /// A private address of a peer in another network.
        case elsewhere = "the peer is in another network"
    }

    /// The remote peer's endpoints that the server observed.
    package var observed: [Endpoint]
    /// What the server observed of our own.
    package var ownObserved: [Endpoint]
    /// The addresses of our interfaces.
    package var ownAddresses: [IPAddress]
    /// Our reserved port, before any NAT.
    package var ownPort: UInt16
    /// The prefixes on our links.
    package var onLink: [IPPrefix]
    /// Our gateways.
    package var gateways: [IPAddress]
    /// Whether private addresses on our links are allowed also when the server saw two outside addresses.
    package var allowsPrivate: Bool
    /// The outside endpoints that the peer has signed for its own.
    package var signed: [Endpoint]
    /// Whether the peer has authenticated itself end to end.
    package var isAuthenticated: Bool

    /// A filter from what is known here.
    package init(
        observed: [Endpoint], ownObserved: [Endpoint], ownAddresses: [IPAddress], ownPort: UInt16, onLink: [IPPrefix], gateways: [IPAddress],
        allowsPrivate: Bool = false, signed: [Endpoint] = [], isAuthenticated: Bool = false
    ) {
        self.signed = signed
        self.isAuthenticated = isAuthenticated
        self.observed = observed
        self.ownObserved = ownObserved
        self.ownAddresses = ownAddresses
        self.ownPort = ownPort
        self.onLink = onLink
        self.gateways = gateways
        self.allowsPrivate = allowsPrivate
    }

    /// Why this candidate is not connected to; nil where it may be.
    package func refusal(of candidate: Candidate) -> Refusal? {
        let endpoint = candidate.endpoint
        let address = endpoint.address
        guard address.scope != .unusable else { return .unusable }
        guard endpoint.port >= 1024 else { return .port }
        // A neighbour behind one NAT with us may have the local port that we have: outside, only the whole endpoint is ourselves.
        guard !ownAddresses.contains(address) || endpoint.port != ownPort, !ownObserved.contains(endpoint) else { return .ourselves }
        guard !gateways.contains(address) else { return .gateway }
        // Seen by the server at this very address, and signed by the peer: wherever the server and the peer live, that is where the peer is.
        if address.scope == .public { return observed.contains { $0.address == address } ? nil : .unobserved }
        if onLink.contains(where: { $0.contains(address) }) {
            guard allowsPrivate || isOneNetwork(observed) else { return .elsewhere }
            return allowsPrivate || knowsGateway(address.family) || !isRouters(address) ? nil : .gateway
        }
        // One site may have several links: two subnets of one router, or a /32 for each host as clouds give it.
        guard isOneNetwork(observed), isOneNetwork(signed), !isCarriers(address) else { return .offLink }
        guard !isRouters(address) else { return .gateway }
        return isAuthenticated ? nil : .unauthenticated
    }

    /// Whether the routes tell the gateway of a family. A link-local one has another address, too, which no route tells; a route may also name no
    /// gateway, or this host itself.
    private func knowsGateway(_ family: IPAddress.Family) -> Bool {
        gateways.contains { $0.family == family && $0.scope != .unusable && !ownAddresses.contains($0) }
    }

    /// Whether routers have such an address by custom: the first and the last of an IPv4 /24, interface identifiers 0 (RFC 4291 section 2.6.1) and 1 of an
    /// IPv6 /64.
    private func isRouters(_ address: IPAddress) -> Bool {
        switch address.family {
        case .v4: [1, 254].contains(address.low & 0xFF)
        case .v6: address.low <= 1
        }
    }

    /// The addresses that carriers use between themselves and their subscribers (RFC 6598).
    private static let sharedSpace = IPPrefix(IPAddress(v4: 0x6440_0000), length: 10)

    private func isCarriers(_ address: IPAddress) -> Bool {
        Self.sharedSpace.contains(address) && !ownAddresses.contains(where: Self.sharedSpace.contains)
    }

    /// Whether one of a peer's outside addresses is also one of ours; for IPv6 in one /64, which is one link. A private one proves nothing: a server behind a proxy of
    /// its own sees every peer at the proxy's (Docker's 172.17.0.1).
    private func isOneNetwork(_ remote: [Endpoint]) -> Bool {
        remote.contains { far in
            (far.address.scope == .public || ownAddresses.contains(far.address))
                && ownObserved.contains { own in
                    far.address.family == .v4 ? far.address == own.address : IPPrefix(own.address, length: 64).contains(far.address)
                }
        }
    }
}
