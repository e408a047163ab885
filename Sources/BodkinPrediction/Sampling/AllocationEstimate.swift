public import BodkinCore

/// The most probable explanation of samples of a NAT's mapping and allocation; unknown if no explanation stands out.
///
/// ```swift
/// if case .sequential(let delta) = estimate.allocation { print("counts in steps of", delta) }
/// ```
public struct AllocationEstimate: Hashable, Sendable {
    /// How internal endpoints are mapped.
    public var mapping: MappingBehaviour
    /// How external ports are chosen.
    public var allocation: AllocationKind
    /// The probability that ``allocation`` has the right kind and step, given that it is a known kind. If it is unknown, the probability of the best guess.
    public var confidence: Double
    /// Allocations of others; nil unless the kind is one that counts.
    public var noise: NoiseEstimate?
    /// The external addresses seen, in increasing order, at most 16.
    public var addresses: [IPAddress]
    /// The lowest and the highest external port seen; nil where none was.
    package var ports: ClosedRange<UInt16>?

    /// A kind is named only where every other one together is less probable than this.
    static let doubt = 0.003
    /// The most addresses in an estimate.
    static let addressLimit = 16

    /// An estimate from its parts.
    package init(
        mapping: MappingBehaviour = .unknown, allocation: AllocationKind = .unknown, confidence: Double = 0, noise: NoiseEstimate? = nil,
        addresses: [IPAddress] = []
    ) {
        self.mapping = mapping
        self.allocation = allocation
        self.confidence = confidence
        self.noise = noise
        self.addresses = addresses
    }

    /// The estimate from samples of one network, in any order. Those beyond the last 64 are left out.
    /// - Parameters:
    ///   - samples: from local ports that nothing else uses.
    ///   - localAddresses: the host's own, by which a host without a NAT is known.
    package init(_ samples: [AllocationSample], localAddresses: Set<IPAddress> = []) {
        let samples = Array(samples.suffix(AllocationEvents.limit))
        self.init(
            mapping: MappingBehaviour(samples, localAddresses: localAddresses),
            addresses: Array(Set(samples.map(\.external.address)).sorted().prefix(Self.addressLimit)))
        let seen = samples.map(\.external.port)
        if let low = seen.min(), let high = seen.max() { ports = low...high }
        let events = AllocationEvents(samples)
        let hypotheses = Hypothesis.all(events)
        guard !events.events.isEmpty, let best = hypotheses.max(by: { $0.weight < $1.weight }) else { return }
        let total = LogProbability.sum(hypotheses.map(\.weight))
        confidence = LogProbability.value(best.weight - total)
        guard confidence >= 1 - Self.doubt, best.isBorneOut(by: events) else { return }
        allocation = best.kind
        if best.kind.delta != nil { noise = NoiseEstimate(best.strangers, in: best.time) }
    }
}

extension Hypothesis {
    /// Whether there is enough to go by, and little that contradicts. The most probable of several explanations can still be a bad one.
    func isBorneOut(by events: AllocationEvents) -> Bool {
        switch kind {
        case .equal: relevant >= 2 && agreeing * 3 >= relevant * 2
        case .preserving: agreeing >= 3 && agreeing * 3 >= relevant * 2
        // Where the order means nothing, and a step does not fit either, it may be the direction that is wrong.
        case .sequential: agreeing >= 3 && (relevant - agreeing) * 5 <= relevant && (agreeing == relevant || events.disorder < 0.2)
        case .dependent: agreeing >= 2 && agreeing * 2 >= relevant
        case .random: relevant == 0 && events.events.count >= 4
        case .block: relevant == 0 && events.events.count >= 5
        case .unknown: false
        }
    }
}
