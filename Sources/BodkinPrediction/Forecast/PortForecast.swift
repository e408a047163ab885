public import BodkinCore

/// A forecast of the external ports of a peer's next connections, for the remote peer and one round.
public struct PortForecast: Hashable, Sendable {
    /// How the ports come about.
    public enum Ports: Hashable, Sendable {
        /// Every connection from the reserved port has the endpoint that the server sees, wherever it goes.
        case fixed
        /// Each new connection has the port of the last one plus `delta`. The peer opens `count` connections, and the remote peer aims at the one of this index.
        case sequential(delta: Int, count: Int, index: Int)
        /// Any port of the range; `count` connections are opened at most. `isBlock`: the range is a subscriber's own small part.
        case random(ClosedRange<UInt16>, count: Int, isBlock: Bool)
        /// Nothing is known.
        case unknown
    }

    /// The external address.
    public var address: IPAddress
    /// The port seen last; of a random NAT, the port that the remote side aims at if it can aim at one only.
    public var port: UInt16
    /// How the ports come about.
    public var ports: Ports

    /// A forecast from its parts.
    package init(address: IPAddress, port: UInt16, ports: Ports) {
        self.address = address
        self.port = port
        self.ports = ports
    }

    /// The port of the probe that the remote side aims at, if ports are sequential; else ``port``.
    package var target: UInt16 {
        guard case .sequential(let delta, _, let index) = ports else { return port }
        return port(at: index, delta)
    }

    /// The port of probe `index` of one that counts, round the ports that NATs give out.
    private func port(at index: Int, _ delta: Int) -> UInt16 {
        let ring = PortRing()
        return ring.port(Int(port), advancedBy: (index % ring.count + 1) * (delta % ring.count))
    }

    /// The ports that one probe may have, the most probable first, of one that counts.
    package var guesses: [UInt16] {
        guard case .sequential(let delta, let count, _) = ports else { return [] }
        return (0..<count).map { port(at: $0, delta) }
    }
}

extension PortForecast.Ports {
    /// The forecast that follows from an allocation estimate, where ports are not fixed; ``unknown`` if none does.
    /// - Parameters:
    ///   - time: from the sample to the burst, of an allocator that counts.
    ///   - share: how many ports of a subscriber's block may still be taken, if the NAT has such blocks.
    ///   - limit: the most SYNs.
    package init(_ estimate: AllocationEstimate?, within time: Duration, ofBlock share: Int, limit: Int = PunchPolicy.largestBudget) {
        self = .unknown
        // Each mapping may get another address.
        guard let estimate, estimate.addresses.count < 2 else { return }
        switch estimate.allocation {
        case .sequential(let delta), .dependent(let delta):
            guard let window = AimWindow(noise: estimate.noise ?? .supposed, time: time, limit: limit) else { return }
            self = .sequential(delta: delta, count: window.count, index: window.index)
        // The external port of the next local port is the next one, whatever other hosts do: one probe is enough.
        case .preserving: if limit > 0 { self = .sequential(delta: 1, count: 1, index: 0) }
        case .random(let range): if limit > 0 { self = .random(range, count: min(Traversal.opened, limit), isBlock: false) }
        case .block(let range):
            let share = min(share, limit)
            if share >= PortBlockBudget.least { self = .random(range, count: share, isBlock: true) }
        case .equal, .unknown: break
        }
    }
}
