package import BodkinCore

/// The one gate for every outgoing connection and datagram of a peer: to its server, to remote peers, and of its probes.
///
/// The gate knows nothing of dials. It asks what an endpoint is (scope, port, gateway, this host), and what was spent within the last hour: for the target's address, for the
/// remote peer, and in all. Budgets outlive dials and links. So a server that invents peers, or a peer that lies, has a bounded number of SYNs sent to a third party.
///
/// ```swift
/// let passage = try gate.passage(to: endpoint, from: 0, for: .meet(peer, .stranger), at: now)
/// ```
package struct OutboundGate: Sendable {
    /// Before a remote peer that nobody has named has proved its key. An honest dial needs one or two of these, so that the called side fires at the Meet's instant.
    package static let strangerLimits = Limits(address: 128, peer: 128, total: 2048)
    /// Afterwards: two searches of two rounds.
    package static let provedStrangerLimits = Limits(address: 4096, peer: 4096, total: 16_384)
    /// For remote peers that the application dials, or that its admission list names.
    package static let listedLimits = Limits(address: 16_384, peer: 16_384, total: 32_768)
    /// The most accounts: each connection has two of its own at most, and one that is full again is forgotten.
    static let accountLimit = 65_536
    /// Fewer accounts than this are left alone, and more are looked through so often at least.
    private static let leastSweepCount = 1024
    private static let sweepInterval = Duration.seconds(600)
    /// The lowest port of a remote program that is not the system's.
    static let lowestPort: UInt16 = 1024

    /// The port of TLS, where strict networks let a relay be reached.
    private static let relayPort: UInt16 = 443

    /// The addresses that the user's URL leads to.
    package var servers: Set<IPAddress> = []
    /// This host's addresses.
    package var localAddresses: Set<IPAddress> = []
    /// This host's gateways.
    package var gateways: Set<IPAddress> = []
    private var budgets: [Account: HourlyBudget] = [:]
    /// How many accounts there may be before those that are full again are forgotten.
    private var sweepCount = leastSweepCount
    private var sweptAt = Instant.start

    /// A gate through which nothing has gone.
    package init(servers: some Sequence<IPAddress> = []) { self.servers = Set(servers) }

    /// Lets one connection, or one exchange of datagrams, pass.
    /// - Parameters:
    ///   - local: the local port; 0 for any.
    /// - Throws: why it does not pass.
    package mutating func passage(to endpoint: Endpoint, from local: UInt16, for purpose: Purpose, at now: Instant) throws(Refusal) -> Passage {
        // The user has named it, wherever it is.
        if purpose == .server || purpose == .relay, servers.contains(endpoint.address) { return Passage(to: endpoint) }
        if let refusal = refusal(of: endpoint, from: local, for: purpose) { throw refusal }
        try spend(accounts(of: endpoint, for: purpose), at: now)
        return Passage(to: endpoint)
    }

    /// What speaks against an endpoint itself.
    private func refusal(of endpoint: Endpoint, from local: UInt16, for purpose: Purpose) -> Refusal? {
        let address = endpoint.address
        guard address.scope != .unusable else { return .unusable }
        guard endpoint.port >= Self.lowestPort || purpose == .relay && endpoint.port == Self.relayPort else { return .port }
        guard !gateways.contains(address) else { return .gateway }
        switch purpose {
        case .meet:
            // Two peers of one host may meet; a port does not meet itself.
            return localAddresses.contains(address) && endpoint.port == local ? .ourselves : nil
        case .server, .relay, .reflection, .search:
            guard address.scope == .public else { return .notPublic }
            return localAddresses.contains(address) ? .ourselves : nil
        }
    }

    private func accounts(of endpoint: Endpoint, for purpose: Purpose) -> [Account] {
        // A host of IPv6 has a whole /64 (RFC 4291 section 2.5.4).
        let place = IPPrefix(endpoint.address, length: endpoint.address.family == .v4 ? 32 : 64)
        switch purpose {
        case .server, .relay, .reflection: return [.address(.told, place), .total(.told)]
        case .meet(let peer, let standing), .search(let peer, let standing):
            let owner = Class.peer(standing)
            return [.address(owner, place), .peer(owner, peer), .total(owner)]
        }
    }

    // MARK: Budgets

    private mutating func spend(_ accounts: [Account], at now: Instant) throws(Refusal) {
        for account in accounts where budgets[account]?.hasRoom(account.limit, at: now) == false { throw account.refusal }
        makeRoom(at: now)
        guard budgets.count + accounts.count <= Self.accountLimit else { throw .total }
        for account in accounts { budgets[account, default: HourlyBudget()].spend(account.limit, at: now) }
    }

    /// Forgets the accounts that are full again. The work is spread over the connections that made the accounts.
    private mutating func makeRoom(at now: Instant) {
        guard budgets.count >= sweepCount || budgets.count >= Self.leastSweepCount && now - sweptAt >= Self.sweepInterval else { return }
        budgets = budgets.filter { !$0.value.isFull(at: now) }
        sweptAt = now
        sweepCount = max(Self.leastSweepCount, budgets.count + budgets.count / 2)
    }

    /// How many accounts there are.
    var accountCount: Int { budgets.count }
}
