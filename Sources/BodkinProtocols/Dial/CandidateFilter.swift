public import BodkinCore

/// What a peer is willing to connect to, so that neither the server alone nor a peer alone can aim SYNs at a third party. (A server that has lied to a peer
/// about its own place from the start is believed: see docs/architecture.md.)
///
/// - A public address: only if the server observed it for that peer (on a warm connection proved to be the peer's) *and* the peer signed it.
/// - A private address: only inside an on-link prefix of one's own, only if the server saw both peers from one outside address, never the gateway.
/// - Never loopback, link-local, multicast or oneself; ports from 1024 up; at most 8 candidates of a card.
public struct CandidateFilter: Sendable {
    /// Why a candidate is not connected to.
    public enum Refusal: String, Error, Hashable, Sendable {
        /// Loopback, link-local, multicast, reserved.
        case unusable = "an address that is never connected to"
        /// A port below 1024.
        case port = "a port below 1024"
        /// One of our own endpoints.
        case ourselves = "our own endpoint"
        /// Our gateway.
        case gateway = "our gateway"
        /// A public address that the server has not seen the peer at.
        case unobserved = "the server has not seen the peer there"
        /// A private address on no link of ours.
        case offLink = "on no link of ours"
        /// A private address of a peer in another network.
        case elsewhere = "the peer is in another network"
    }

    /// What the server observed of the other side's warm connections.
    public var observed: [Endpoint]
    /// What the server observed of our own.
    public var ownObserved: [Endpoint]
    /// The addresses of our interfaces.
    public var ownAddresses: [IPAddress]
    /// Our reserved port, before any NAT.
    public var ownPort: UInt16
    /// The prefixes on our links.
    public var onLink: [IPPrefix]
    /// Our gateways.
    public var gateways: [IPAddress]
    /// Whether private addresses are allowed also when the server saw two outside addresses.
    public var allowsPrivate: Bool

    /// A filter from what is known here.
    public init(
        observed: [Endpoint], ownObserved: [Endpoint], ownAddresses: [IPAddress], ownPort: UInt16, onLink: [IPPrefix], gateways: [IPAddress],
        allowsPrivate: Bool = false
    ) {
        self.observed = observed
        self.ownObserved = ownObserved
        self.ownAddresses = ownAddresses
        self.ownPort = ownPort
        self.onLink = onLink
        self.gateways = gateways
        self.allowsPrivate = allowsPrivate
    }

    /// Why this candidate is not connected to; nil where it may be.
    public func refusal(of candidate: Candidate) -> Refusal? {
        let endpoint = candidate.endpoint
        let address = endpoint.address
        guard address.scope != .unusable else { return .unusable }
        guard endpoint.port >= 1024 else { return .port }
        // A neighbour behind one NAT with us may have the local port that we have: outside, only the whole endpoint is ourselves.
        guard !ownAddresses.contains(address) || endpoint.port != ownPort, !ownObserved.contains(endpoint) else { return .ourselves }
        guard !gateways.contains(address) else { return .gateway }
        // Seen by the server at this very address, and signed by the peer: wherever the server and the peer live, that is where the peer is.
        if address.scope == .public { return observed.contains { $0.address == address } ? nil : .unobserved }
        guard onLink.contains(where: { $0.contains(address) }) else { return .offLink }
        return allowsPrivate || isOneNetwork ? nil : .elsewhere
    }

    /// Whether the server saw both sides from one outside address; for IPv6 from one /64, which is one link.
    private var isOneNetwork: Bool {
        observed.contains { far in
            ownObserved.contains { own in
                far.address.family == .v4 ? far.address == own.address : IPPrefix(own.address, length: 64).contains(far.address)
            }
        }
    }
}
