import BodkinCore
import BodkinPrediction

/// How the allocator is sampled, and what is made of the samples.
extension NATModel {
    /// How often an allocator that shows no pattern is sampled.
    private static let samplingLimit = 3

    /// Whether samples are on their way.
    var isSampling: Bool { sampling != nil }

    /// Samples the allocator, beside the registration, where the NAT has not kept the reserved port's number. Where it has, there is nothing to learn: whatever the
    /// mapping depends on, a remote peer sees the same number.
    mutating func sampleIfUseful(_ attachment: Attachment, at now: Instant) {
        guard configuration.samplesAllocator, !isSampled, sampling == nil, !attachment.stunEndpoints.isEmpty,
            let reserved = attachment.reservedPort, let observed = attachment.observed, observed.port != reserved
        else { return }
        if allocation == nil, let known = allocations.finding(by: attachment.routes, seenAs: observed.address) { learn(known) }
        let plan = SamplingPlan.quick(towards: attachment.stunEndpoints)
        portBlock.took(plan.count + 1, at: now.sinceStart)
        let number = nextNumber()
        sampling = number
        actions.append(.sample(plan, number))
    }

    mutating func sampled(_ number: UInt64, _ samples: [AllocationSample], _ attachment: Attachment, at now: Instant) {
        guard sampling == number else { return }
        sampling = nil
        // Samples of another network tell nothing of this one.
        guard !isSamplingStale else {
            isSamplingStale = false
            return actions.append(.reattach)
        }
        let found = AllocationProfile(samples, family: .v4, localAddresses: attachment.addresses)
        samplingCount += 1
        // Samples that were lost, or overtook each other, tell nothing: others may.
        if found.estimate.allocation == .unknown, samplingCount < Self.samplingLimit { return sampleIfUseful(attachment, at: now) }
        isSampled = true
        allocations.note(found, by: attachment.routes)
        learn(found)
    }

    /// A thorough examination may explain what the quick samples could not.
    mutating func learn(closer found: AllocationProfile, _ attachment: Attachment) {
        guard allocation?.estimate.allocation == .unknown, found.estimate.allocation != .unknown else { return }
        allocations.note(found, by: attachment.routes)
        learn(found)
    }

    /// A remote address was given another port than the server's addresses: the mapping depends on the address.
    mutating func showAddressDependence() {
        guard var shown = allocation, shown.keepsEndpoint == true, shown.estimate.mapping == .unknown else { return }
        shown.estimate.mapping = .addressDependent
        shown.isSteady = false
        learn(shown)
    }

    private mutating func learn(_ profile: AllocationProfile) {
        allocation = profile
        actions.append(.forecastChanged)
    }
}
