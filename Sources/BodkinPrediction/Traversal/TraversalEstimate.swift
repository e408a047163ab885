import BodkinCore

/// An estimate of a direct connection between two networks, and its method.
///
/// ```swift
/// let estimate = try await NetworkCheck.assessment(of: friend, from: profile, configuration).forecast
/// if case .likely(let probability, let probes) = estimate.feasibility { print(probability, probes) }
/// ```
///
/// It judges the external endpoints. Addresses inside one network, and other address families, are judged apart. The possibilities of ports come from
/// `Traversal`, as for dials.
public struct TraversalEstimate: Hashable, Sendable {
    /// Whether it works.
    public var feasibility: Feasibility
    /// What each side does; nil where there is nothing to be done, or nothing is known.
    package var plan: PunchPlan?

    /// The share of NATs that let a SYN meet one from inside, where that was not measured: behind those of their time, TCP connections could be made in 85 to 90 of 100 cases
    /// (Guha and Francis, Characterization and Measurement of TCP Traversal through NATs and Firewalls, 2005).
    static let crossing = 0.85

    /// Judges the pair.
    /// - Parameters:
    ///   - a: one side's network.
    ///   - b: the other side's.
    ///   - policy: what both are ready to do.
    package init(of a: NATProfile, and b: NATProfile, policy: PunchPolicy = PunchPolicy()) {
        self = Self.judge(a, b, policy) { PortKnowledge(b, policy) }
    }

    /// Judges a network and a peer that has sent a forecast of its ports.
    package init(of a: NATProfile, and told: PortForecast, policy: PunchPolicy = PunchPolicy()) {
        self = Self.judge(a, told.network, policy) { PortKnowledge(told.ports) }
    }

    private static func judge(
        _ a: NATProfile, _ b: NATProfile, _ policy: PunchPolicy, knowing knowledgeOfB: () -> PortKnowledge?
    ) -> TraversalEstimate {
        if a.sharesAddress(with: b), a.hairpin ?? b.hairpin != true {
            return TraversalEstimate(a.hairpin ?? b.hairpin == nil ? .unknown : .impossible(.noHairpin))
        }
        let meet = PunchPlan(.meet, a: .meet, b: .meet)
        let doors = [a.letsIn(b), b.letsIn(a)]
        if doors.contains(true) { return TraversalEstimate(.certain, meet) }
        /// Where it is not known whether one side lets the other in, nothing is impossible.
        func impossible(_ reason: Impossibility) -> TraversalEstimate { TraversalEstimate(doors.contains(nil) ? .unknown : .impossible(reason)) }

        if a.allowsAllPorts == false || b.allowsAllPorts == false { return impossible(.portsForbidden) }
        let accepts = [a.acceptsSimultaneousOpen, b.acceptsSimultaneousOpen]
        if !accepts.contains(true) && !accepts.contains(nil) { return impossible(.noCrossing) }
        let crossing = accepts.contains(true) ? 1 : Self.crossing
        guard let keepsA = a.keepsEndpoint, let keepsB = b.keepsEndpoint else { return TraversalEstimate(.unknown) }
        if keepsA && keepsB { return TraversalEstimate(crossing == 1 ? .certain : .likely(probability: crossing, probes: 1), meet) }
        if !policy.allowsPrediction { return impossible(.predictionOff) }
        if !keepsA && a.hasSeveralAddresses || !keepsB && b.hasSeveralAddresses { return impossible(.severalAddresses) }
        if !keepsA && a.allocation == .unknown || !keepsB && b.allocation == .unknown { return TraversalEstimate(.unknown) }
        guard let knowledgeOfA = PortKnowledge(a, policy), let knowledgeOfB = knowledgeOfB() else { return impossible(.budget) }
        guard let traversal = Traversal(knowledgeOfA, knowledgeOfB, limit: policy.probes) else { return impossible(.unpredictable) }
        return TraversalEstimate(.likely(probability: traversal.probability * crossing, probes: traversal.plan.probes), traversal.plan)
    }

    private init(_ feasibility: Feasibility, _ plan: PunchPlan? = nil) {
        self.feasibility = feasibility
        self.plan = plan
    }
}

/// Whether two networks can be connected directly: ``TraversalEstimate/feasibility`` alone.
package func feasibility(of a: NATProfile, and b: NATProfile, policy: PunchPolicy = PunchPolicy()) -> Feasibility {
    TraversalEstimate(of: a, and: b, policy: policy).feasibility
}

extension NATProfile {
    /// Whether a SYN of the remote side comes in from whatever port, once this side has sent to the remote side's address. Nil: it is not known.
    fileprivate func letsIn(_ far: NATProfile) -> Bool? {
        if far.allowsAllPorts == false { return false }
        switch filtering {
        case .endpointIndependent:
            // The mapping that the server sees lets anyone in, whatever others there are.
            return acceptsSimultaneousOpen == false ? nil : true
        case .addressDependent:
            if allowsAllPorts == false || far.hasSeveralAddresses { return false }
            guard let keepsEndpoint else { return nil }
            return keepsEndpoint ? (acceptsSimultaneousOpen == false ? nil : true) : false
        case .addressAndPortDependent: return false
        case .unknown: return nil
        }
    }

    /// Whether both stand behind one external address.
    fileprivate func sharesAddress(with far: NATProfile) -> Bool {
        mapping != .none && far.mapping != .none && !Set(addresses).isDisjoint(with: far.addresses)
    }
}
