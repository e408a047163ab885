/// The resources that one user of the server may use at once. A user is a join token, an IPv4 address, or an IPv6 /56.
public struct Quota: Hashable, Sendable {
    /// Connections at once.
    public var connections: Int
    /// Registered instances at once.
    public var registrations: Int
    /// Dials per second, in the long run.
    public var dialsPerSecond: Double
    /// Dials at once, saved up.
    public var dialBurst: Double
    /// Circuits at once that this user has dialed.
    public var circuits: Int
    /// Dials at once that wait for a peer that is not there.
    public var pendingDials: Int
    /// Bytes per second over the circuits that this user has dialed, both directions together. Faster circuits are slowed down, not closed.
    public var relayedBytesPerSecond: Double

    /// Messages per second, in units of a ping: a registration counts as forty, a dial as ten. Twice as many may come at once. Those who send more are read later.
    public var messagesPerSecond: Double
    /// The bytes that this user may have the server keep, beyond what every connection takes: lists of peers, first flights, and what is not read.
    public var bufferedBytes: Int

    /// A quota from its parts.
    public init(
        connections: Int, registrations: Int, dialsPerSecond: Double, dialBurst: Double, circuits: Int, pendingDials: Int = 32,
        relayedBytesPerSecond: Double, messagesPerSecond: Double = 40_000, bufferedBytes: Int = 50_331_648
    ) {
        self.connections = connections
        self.registrations = registrations
        self.dialsPerSecond = dialsPerSecond
        self.dialBurst = dialBurst
        self.circuits = circuits
        self.pendingDials = pendingDials
        self.relayedBytesPerSecond = relayedBytesPerSecond
        self.messagesPerSecond = messagesPerSecond
        self.bufferedBytes = bufferedBytes
    }
}

extension Quota {
    /// The quota with every limit multiplied by `factor`.
    func times(_ factor: Int) -> Quota {
        guard factor > 1 else { return self }
        let number = Double(factor)
        return Quota(
            connections: connections.times(factor), registrations: registrations.times(factor), dialsPerSecond: dialsPerSecond * number,
            dialBurst: dialBurst * number, circuits: circuits.times(factor), pendingDials: pendingDials.times(factor),
            relayedBytesPerSecond: relayedBytesPerSecond * number, messagesPerSecond: messagesPerSecond * number,
            bufferedBytes: bufferedBytes.times(factor))
    }
}

/// The quotas of a server.
public struct Quotas: Hashable, Sendable {
    /// Everybody who shares a join token (on an open server: everybody).
    public var token: Quota
    /// One IPv4 address: often one subscriber, sometimes the many subscribers of a CGN, so not too small.
    public var address: Quota
    /// One IPv6 /56: what providers give to one site (RFC 6177 section 2). A /48 may have four times as much, and a /32, a whole provider, sixteen times.
    public var prefix: Quota

    /// Quotas for a public server on a small machine.
    ///
    /// 10 000 peers take about 370 MB (36 KiB each, mostly TLS); one address may have one in forty of them. A person dials seldom and
    /// a program in bursts: 20 dials a second after 60 at once. 128 MiB/s relayed is about what one core encrypts twice.
    public init() {
        token = Quota(
            connections: 10_000, registrations: 10_000, dialsPerSecond: 1_000, dialBurst: 2_000, circuits: 4_000, pendingDials: 2_000,
            relayedBytesPerSecond: 128 * 1_048_576, messagesPerSecond: 200_000, bufferedBytes: 384 * 1_048_576)
        address = Quota(
            connections: 256, registrations: 256, dialsPerSecond: 20, dialBurst: 60, circuits: 64, pendingDials: 32,
            relayedBytesPerSecond: 32 * 1_048_576)
        prefix = address
    }

    /// Nothing but the token's quota for every user: for tests and for servers behind a front that hides addresses.
    public init(everyone quota: Quota) {
        token = quota
        address = quota
        prefix = quota
    }
}
