import BodkinCore

/// Where the probes of a burst will come out of a NAT that counts, seen from one fresh sample.
///
/// ```swift
/// if let aim = PredictionAim(.sequential(delta: 1), after: sample, firingAt: start, noise: estimate.noise ?? .supposed) {
///     print("fire", aim.window.count, "probes; the far side aims at", aim.target)
/// }
/// ```
public struct PredictionAim: Hashable, Sendable {
    /// The size of the burst, and the index aimed at.
    public let window: AimWindow
    /// How external ports are chosen; one of the kinds that count.
    public let allocation: AllocationKind
    /// The external port of the sample.
    public let origin: UInt16
    /// The local ports to fire from, in this order, where they have to be consecutive; nil where any will do.
    public let localPorts: ClosedRange<UInt16>?
    private let delta: Int
    private let range: ClosedRange<UInt16>

    /// An aim; nil where the kind does not count, or where there are not enough local ports above the sample's.
    /// - Parameters:
    ///   - allocation: how external ports are chosen.
    ///   - sample: the last thing that the NAT has mapped for this host.
    ///   - start: when the burst begins, since the origin of the sample's times.
    ///   - noise: strangers' allocations.
    ///   - range: the external ports of the NAT.
    ///   - limit: the most probes.
    public init?(
        _ allocation: AllocationKind, after sample: AllocationSample, firingAt start: Duration, noise: NoiseEstimate,
        range: ClosedRange<UInt16> = 1024...65535, limit: Int = AimWindow.largest
    ) {
        guard let delta = allocation.delta, let window = AimWindow(noise: noise, time: start - sample.sent, limit: limit) else { return nil }
        if case .dependent = allocation {
            let (first, last) = (Int(sample.localPort) + 1, Int(sample.localPort) + window.count)
            guard last <= 65_535 else { return nil }
            localPorts = UInt16(clamping: first)...UInt16(clamping: last)
        } else {
            localPorts = nil
        }
        self.window = window
        self.allocation = allocation
        self.delta = delta
        self.range = range
        origin = sample.external.port
    }

    /// The port so many steps beyond the sample's next one: what probe `index` gets where strangers get nothing.
    public func port(at index: Int) -> UInt16 {
        let ring = PortRing(range)
        let (steps, overflow) = (index % ring.count + 1).multipliedReportingOverflow(by: delta % ring.count)
        return ring.port(Int(origin), advancedBy: overflow ? 0 : steps)
    }

    /// The one port that the far side's whole burst is sent to.
    public var target: UInt16 { port(at: window.index) }

    /// The ports for a far side that fires from one port which is known here, while this side fires one probe only: the most probable first.
    public var guesses: [UInt16] { (0..<window.count).map(port(at:)) }
}

extension AllocationKind {
    /// The sample that a counting NAT has mapped last: of those in the last batch the one that it has counted furthest to. Nil without samples.
    public func latest(of samples: [AllocationSample]) -> AllocationSample? {
        let events = AllocationEvents(samples)
        guard let last = CountedOrder(events, direction: (delta ?? 1) < 0 ? -1 : 1).events.last else { return nil }
        guard delta != nil, case .sequential = self else { return samples.max { $0.sent < $1.sent } }
        return samples.last { Int($0.external.port) == last.port && Int($0.localPort) == last.localPort }
    }
}
