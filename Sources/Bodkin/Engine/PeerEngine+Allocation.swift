import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import NIOCore

/// What is known of the external ports that our connections get.
extension PeerEngine {
    /// How often an allocator that shows no pattern is looked at.
    private static let lookLimit = 3

    /// The server's STUN endpoints over IPv4.
    private var stunEndpoints: [Endpoint] {
        ways.first { $0.endpoint.address.family == .v4 }.map { configuration.rendezvous.stunEndpoints(at: $0.endpoint.address) } ?? []
    }

    /// The reserved port's endpoint as the server sees it, over IPv4: IPv6 is not translated.
    var observedEndpoint: Endpoint? { warms.lazy.compactMap(\.observed).first { $0.address.family == .v4 } }

    /// What explains the ports seen; nil before they have been.
    var allocation: AllocationEstimate? { profile?.estimate }

    /// Where the reserved port did not keep its number, the NAT's allocator is looked at, beside the registration: whether a peer will see the same port, and if
    /// not, which. Where it did, there is nothing to learn: by the book or not, a peer will see it, too. In a network that is known from before, what was found there
    /// holds until this look has an answer.
    func learnAllocation() {
        guard configuration.predictsPorts, usesDirectPaths, !isProfileFresh, !isSampling, let port, let observed = observedEndpoint,
            observed.port != port.number
        else { return }
        isSampling = true
        if profile == nil, let known = allocationMemory.finding(by: attachments.routes, seenAs: observed.address) { learnt(known) }
        let network = networkNumber
        let plan = SamplingPlan.quick(towards: stunEndpoints)
        tookPorts(plan.batches.reduce(0) { $0 + $1.count })
        let sampling = PortSampler.run(plan, from: PortSampler.base(), of: system, on: eventLoop)
        sampling.assumeIsolated().whenSuccess { [weak self] samples in
            guard let self, !self.isOver else { return }
            self.isSampling = false
            // What was seen of another network tells nothing of this one.
            guard network == self.networkNumber else { return self.learnAllocation() }
            let own = Set(self.attachments.interfaces.flatMap(\.addresses).map(\.address))
            let found = AllocationProfile(samples, family: .v4, localAddresses: own)
            self.looks += 1
            // Samples that were lost, or overtook each other, tell nothing: others may.
            if found.estimate.allocation == .unknown, self.looks < Self.lookLimit { return self.learnAllocation() }
            self.isProfileFresh = true
            self.allocationMemory.note(found, by: self.attachments.routes)
            self.learnt(found)
        }
    }

    /// A closer look may explain what the first one could not.
    func learnt(closer found: AllocationProfile) {
        guard let profile, profile.estimate.allocation == .unknown, found.estimate.allocation != .unknown else { return }
        allocationMemory.note(found, by: attachments.routes)
        learnt(found)
    }

    private func learnt(_ profile: AllocationProfile) {
        self.profile = profile
        // Whose ports are kept though they are other ones: the far side of a dial is spared a question.
        if keepsEndpoint == true { registerAfresh() }
        for attempt in Array(attempts.values) {
            attempt.prediction?.begin()
            attempt.answerOutlook()
        }
    }

    /// The network has changed: what was known of its NAT is known no more.
    func forgetAllocation() {
        profile = nil
        isProfileFresh = false
        looks = 0
        networkNumber += 1
    }

    /// Connections that are begun, or were, have taken so many new ports of the NAT.
    func tookPorts(_ count: Int) { blockShare.took(count, at: elapsed(since: start)) }

    /// How many ports of the household's block a search may still take, where the NAT gives each household one.
    var blockPortsLeft: Int { allocation?.ports.map { blockShare.left(ofBlockSeenAs: $0, at: elapsed(since: start)) } ?? 0 }

    /// Whether a peer sees the reserved port as the server does; nil where that is not known.
    var keepsEndpoint: Bool? {
        guard let port, let observed = observedEndpoint else { return nil }
        if observed.port == port.number { return true }
        guard let allocation else { return nil }
        // A server with one address cannot tell whether the mapping depends on that: few NATs' does.
        if profile?.isSteady == true { return true }
        switch (allocation.mapping, allocation.allocation) {
        case (.none, _), (.endpointIndependent, _), (_, .equal): return true
        case (.unknown, _): return nil
        case (.addressDependent, _), (.addressAndPortDependent, _): return false
        }
    }

    /// Looks at an allocator that counts once more, right before a burst: the port that it gave last, and the local ports from which to go on.
    func sampleAllocator() -> EventLoopFuture<(last: AllocationSample, next: UInt16)?> {
        let (base, plan) = (PortSampler.base(), SamplingPlan.fresh(towards: stunEndpoints))
        guard let kind = allocation?.allocation else { return eventLoop.makeSucceededFuture(nil) }
        tookPorts(2)
        return PortSampler.run(plan, from: base, of: system, on: eventLoop).map { samples in
            // Of a NAT that counts on for consecutive ports only, the burst goes on where the second probe was.
            guard samples.count == 2, let last = kind.latest(of: samples) else { return nil }
            return (last, base + 2)
        }
    }
}
