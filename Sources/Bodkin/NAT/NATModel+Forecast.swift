import BodkinCore
import BodkinPrediction

/// The external ports of the peer's next connections, as far as they are known.
extension NATModel {
    /// A round of predicted ports for which a forecast is wanted.
    struct Round {
        /// Its number, from 1.
        var number = 1
        /// Whether it is this end's turn to search, where both ends might.
        var isTurnToSearch = true
        /// Whether a Meet has stayed silent.
        var followsSilence = false
        /// The time from the sample to the burst.
        var time = Duration.milliseconds(150)
    }

    /// Whether a remote peer sees the reserved port as the server does; nil where that is not known.
    func keepsEndpoint(_ attachment: Attachment) -> Bool? {
        guard let reserved = attachment.reservedPort, let observed = attachment.observed else { return nil }
        return observed.port == reserved ? true : allocation?.keepsEndpoint
    }

    /// Whether that was only ever seen by one address of the server, so that the mapping may depend on the address.
    func isDoubtful(_ attachment: Attachment) -> Bool {
        guard keepsEndpoint(attachment) == true, attachment.observed?.port != attachment.reservedPort else { return false }
        return allocation?.estimate.mapping == .unknown
    }

    /// How many ports of the subscriber's block a search may still take, where the NAT gives each subscriber one.
    func blockPortsLeft(at now: Instant) -> Int {
        allocation?.estimate.ports.map { portBlock.left(ofBlockSeenAs: $0, at: now.sinceStart) } ?? 0
    }

    /// How the ports of the next connections come about; ``PortForecast/Ports/unknown`` where that cannot be said.
    ///
    /// Where the server has one address, a NAT whose mapping depends on the address looks like one that keeps the port. A Meet that stays silent, or a round that fails,
    /// is evidence of the former; then the ports are those that the allocator gives next. Where it draws from all ports, two such sides would search for each other in
    /// vain: so they take turns.
    func ports(_ attachment: Attachment, for round: Round, at now: Instant) -> PortForecast.Ports {
        guard let keeps = keepsEndpoint(attachment) else { return .unknown }
        let isDoubtful = isDoubtful(attachment) && (round.followsSilence || round.number > 1)
        guard !keeps || isDoubtful else { return .fixed }
        let ports = PortForecast.Ports(allocation?.estimate, within: round.time, ofBlock: blockPortsLeft(at: now))
        guard isDoubtful else { return ports }
        switch ports {
        case .sequential, .random(_, _, isBlock: true): return ports
        case .random where round.followsSilence && round.isTurnToSearch: return ports
        case .random, .fixed, .unknown: return .fixed
        }
    }

    /// The forecast for a remote peer that asks; nil while the server sees no mapping.
    func forecast(_ attachment: Attachment, at now: Instant) -> PortForecast? {
        attachment.observed.map { PortForecast(address: $0.address, port: $0.port, ports: ports(attachment, for: Round(), at: now)) }
    }
}
