import BodkinCore
package import BodkinPrediction
package import NIOCore

/// The findings of the probes that run when no other connection of this host is under way, because each would pass for another host's.
package struct NetworkFindings: Sendable {
    /// How the NAT allocates the ports of TCP connections, for each measured family.
    package var allocations: [AllocationProfile] = []
    /// Whether two ports of this host reach each other by their external endpoints; nil if unknown.
    package var hairpin: Bool?
    /// What an RST from outside deletes, for each measured family.
    package var resets: [ResetProfile] = []
    /// The NATs on the path; nil if unknown.
    package var nesting: NestingProfile?
    /// How the NAT allocates ports over UDP, for each measured family.
    package var udpAllocations: [AllocationProfile] = []
    /// What a UDP port lets in, for each measured family.
    package var udpFiltering: [FilteringProfile] = []

    /// No findings.
    package init() {}

    /// Runs the probes: first the allocation of TCP ports alone, then all that must not disturb it, at once.
    /// - Parameters:
    ///   - mappings: the mappings over TCP.
    ///   - datagrams: the mappings over UDP.
    package static func measure(
        in mappings: [MappingProfile], _ datagrams: EventLoopFuture<[MappingProfile]>, through gate: Gate, on eventLoop: any EventLoop
    ) async -> NetworkFindings {
        var found = NetworkFindings()
        for mapping in mappings where !Task.isCancelled {
            if let allocation = await AllocationProbe.run(mapping, over: .tcp, through: gate, on: eventLoop) { found.allocations.append(allocation) }
        }
        // The caller no longer wants the rest, or a dial has begun that the rest would disturb.
        if Task.isCancelled { return found }
        let allocations = found.allocations
        async let hairpin = hairpin(mappings, allocations, through: gate, on: eventLoop)
        async let resets = resets(mappings, allocations, through: gate, on: eventLoop)
        let udp = (try? await datagrams.get()) ?? []
        for mapping in udp {
            if let allocation = await AllocationProbe.run(mapping, over: .udp, through: gate, on: eventLoop) {
                found.udpAllocations.append(allocation)
            }
        }
        // These probes send datagrams themselves, so they wait for the sampling of UDP.
        async let nesting = nesting(mappings, through: gate, on: eventLoop)
        for mapping in udp {
            if let filtering = await DatagramFiltering.run(mapping, through: gate, on: eventLoop) { found.udpFiltering.append(filtering) }
        }
        (found.hairpin, found.resets, found.nesting) = await (hairpin, resets, nesting)
        return found
    }

    /// Probes hairpinning, if the NAT uses one mapping for every destination.
    private static func hairpin(
        _ mappings: [MappingProfile], _ allocations: [AllocationProfile], through gate: Gate, on eventLoop: any EventLoop
    ) async -> Bool? {
        let mapping = mappings.first { mapping in
            mapping.family == .v4 && mapping.kind != .none && allocations.contains { $0.family == .v4 && $0.keepsEndpoint == true }
        }
        guard let server = mapping?.samples.first(where: { $0.mapped != nil })?.server else { return nil }
        return await HairpinProbe.run(server, through: gate, on: eventLoop)
    }

    private static func nesting(_ mappings: [MappingProfile], through gate: Gate, on eventLoop: any EventLoop) async -> NestingProfile? {
        guard let mapping = mappings.first(where: { $0.family == .v4 }) else { return nil }
        return await NestingProbe.run(mapping, through: gate, on: eventLoop)
    }

    private static func resets(
        _ mappings: [MappingProfile], _ allocations: [AllocationProfile], through gate: Gate, on eventLoop: any EventLoop
    ) async -> [ResetProfile] {
        var profiles: [ResetProfile] = []
        for mapping in mappings {
            let allocation = allocations.first { $0.family == mapping.family }
            if let profile = await ResetProbe.run(mapping, allocation, through: gate, on: eventLoop) { profiles.append(profile) }
        }
        return profiles
    }
}
